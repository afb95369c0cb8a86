#ifndef MP_BASE_TESTING_ALLOC_H
#define MP_BASE_TESTING_ALLOC_H

/*
 * For tests only: allocations of our own code fail. Every unit test is linked with this; libraries
 * under ours are not touched, but for jansson, whose allocator is ours.
 *
 * By hand, the nth and all after it:
 *
 *	for (long n = 0; ; n++) {
 *		mp_alloc_fail_after(n);
 *		rc = call_under_test();
 *		mp_alloc_fail_never();
 *		if (rc != MP_NOMEM) break;
 *		... nothing has leaked, outputs are untouched ...
 *	}
 *
 * By tools/alloc, one site after the other: a place that allocates fails once, the first time
 * that it is met. MP_ALLOC_SITES names a file for all sites of a program, each with the test that
 * meets it first; MP_ALLOC_SITE is the one to fail, in MP_ALLOC_TEST alone or in all. Then the
 * first assertion that fails is no failure: the program ends at once, with MP_ALLOC_NOTICED, or
 * with MP_ALLOC_LEAKED when memory was lost by then. MP_ALLOC_UNMET: nothing failed, the site was
 * not met.
 */
#define MP_ALLOC_NOTICED 70
#define MP_ALLOC_LEAKED 71
#define MP_ALLOC_UNMET 73

void mp_alloc_fail_after(long count);
void mp_alloc_fail_never(void);

#endif
