#include "store/rocksdb_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/engine.h"

/*
 * The log's format, fixed by its compatibility: blocks of 32 KiB, in each records of
 *	masked CRC-32C of type and content (4 bytes), length (2), type (1), content
 * that do not cross blocks; fewer than a header's bytes at a block's end are zero. Longer ones are
 * in pieces: types 1 whole, 2 first, 3 middle, 4 last. Numbers have their lowest byte first.
 */
#define BLOCK_BYTES 32768
#define HEADER_BYTES 7
#define TYPE_FIRST 1
#define TYPE_LAST 4
#define CRC_MASK_DELTA 0xa282ead8u
#define CRC_POLYNOMIAL 0x82f63b78u /* CRC-32C, reflected */

struct checker {
	uint32_t crc_table[8][256]; /* for eight bytes at a time */
	uint8_t block[BLOCK_BYTES];
};

static void crc_init(struct checker *c)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
		c->crc_table[0][i] = crc;
	}
	for (size_t n = 1; n < 8; n++) {
		for (size_t i = 0; i < 256; i++) {
			uint32_t before = c->crc_table[n - 1][i];
			c->crc_table[n][i] = before >> 8 ^ c->crc_table[0][before & 0xff];
		}
	}
}

static uint32_t read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static uint32_t crc_of(const struct checker *c, const uint8_t *at, size_t len)
{
	const uint32_t(*t)[256] = c->crc_table;
	uint32_t crc = UINT32_MAX;

	for (; len >= 8; at += 8, len -= 8) {
		uint32_t low = crc ^ read_u32(at);
		uint32_t high = read_u32(at + 4);
		crc = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^ t[5][low >> 16 & 0xff] ^
		      t[4][low >> 24] ^ t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^
		      t[1][high >> 16 & 0xff] ^ t[0][high >> 24];
	}
	for (; len > 0; at++, len--)
		crc = crc >> 8 ^ t[0][(crc ^ *at) & 0xff];
	return ~crc;
}

/* The bytes of the record that begins there; 0: none does. */
static size_t record_at(const struct checker *c, size_t at, size_t block_len)
{
	const uint8_t *header = c->block + at;

	if (block_len - at < HEADER_BYTES)
		return 0;
	size_t length = (size_t)header[4] | (size_t)header[5] << 8;
	if (header[6] < TYPE_FIRST || header[6] > TYPE_LAST ||
		length > block_len - at - HEADER_BYTES)
		return 0;
	uint32_t crc = crc_of(c, header + 6, 1 + length);
	uint32_t masked = (crc >> 15 | crc << 17) + CRC_MASK_DELTA;
	return masked == read_u32(header) ? HEADER_BYTES + length : 0;
}

/* Where in the block the records break off; block_len when they do not. */
static size_t block_breaks_at(const struct checker *c, size_t block_len)
{
	for (size_t at = 0;;) {
		size_t len = record_at(c, at, block_len);
		if (len == 0)
			return BLOCK_BYTES - at < HEADER_BYTES ? block_len : at;
		at += len;
	}
}

static bool block_has_record(const struct checker *c, size_t from, size_t block_len)
{
	for (size_t at = from; at < block_len; at++) {
		if (record_at(c, at, block_len) > 0)
			return true;
	}
	return false;
}

/* As many bytes as there are, up to a block; -1 on failure. */
static ssize_t read_block(struct checker *c, int fd, off_t at, off_t size)
{
	size_t wanted = size - at < BLOCK_BYTES ? (size_t)(size - at) : BLOCK_BYTES;
	size_t len = 0;

	while (len < wanted) {
		ssize_t n = pread(fd, c->block + len, wanted - len, at + (off_t)len);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0)
			break;
		len += n < 0 ? 0 : (size_t)n;
	}
	return (ssize_t)len;
}

/*
 * *out_broken_at: where the log breaks off with records behind, or -1. Only what the file had at
 * the beginning is read: another process may be writing it.
 */
static bool check_file(struct checker *c, int fd, off_t *out_broken_at)
{
	struct stat info;
	off_t broken_at = -1;

	if (fstat(fd, &info) != 0)
		return false;
	for (off_t at = 0; at < info.st_size; at += BLOCK_BYTES) {
		ssize_t len = read_block(c, fd, at, info.st_size);
		if (len < 0)
			return false;
		size_t from = 0;
		if (broken_at < 0) {
			from = block_breaks_at(c, (size_t)len);
			if (from < (size_t)len)
				broken_at = at + (off_t)from;
		}
		if (broken_at >= 0 && block_has_record(c, from, (size_t)len)) {
			*out_broken_at = broken_at;
			return true;
		}
	}
	*out_broken_at = -1;
	return true;
}

static enum mp_rc check_log(struct checker *c, int directory_fd, const char *name, char reterr[128])
{
	off_t broken_at = -1;
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return MP_OK; /* not needed any more */
	bool read = fd >= 0 && check_file(c, fd, &broken_at);
	if (!read)
		mp_store_say(
			reterr, 128, "its log %.32s cannot be read: %s", name, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	if (!read)
		return MP_UNAVAILABLE;
	if (broken_at >= 0) {
		mp_store_say(reterr, 128, "its log %.32s breaks off at byte %lld, with more behind",
			name, (long long)broken_at);
		return MP_CORRUPT;
	}
	return MP_OK;
}

static bool is_log(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits > 0 && strcmp(name + digits, ".log") == 0;
}

enum mp_rc mp_rocksdb_check_logs(const char *directory, char reterr[128])
{
	enum mp_rc rc = MP_OK;
	DIR *dir = opendir(directory);

	if (dir == NULL)
		return MP_OK;
	struct checker *checker = malloc(sizeof(*checker));
	if (checker == NULL) {
		(void)closedir(dir);
		mp_store_say(reterr, 128, "there is no memory");
		return MP_NOMEM;
	}
	crc_init(checker);
	for (const struct dirent *entry = readdir(dir); entry != NULL && rc == MP_OK;
		entry = readdir(dir)) {
		if (is_log(entry->d_name))
			rc = check_log(checker, dirfd(dir), entry->d_name, reterr);
	}
	free(checker);
	(void)closedir(dir);
	return rc;
}
