#include "audit_recent.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384 /* a power of two */
#define NODES_FIRST 256
#define NONE UINT32_MAX

struct node {
	struct audit_partial partial;
	uint32_t next; /* in its bucket, or in the free list */
	bool used;
};

struct audit_recent {
	struct node *nodes; /* grows, so nodes are named by their place */
	size_t count;	    /* ever used */
	size_t capacity;
	size_t count_max;
	uint32_t unused; /* first of the free list */
	uint32_t buckets[BUCKETS];
};

struct audit_recent *audit_recent_new(size_t partials_max)
{
	struct audit_recent *recent = calloc(1, sizeof(*recent));

	if (recent == NULL)
		return NULL;
	recent->count_max = partials_max < NONE ? partials_max : NONE - 1;
	recent->unused = NONE;
	memset(recent->buckets, 0xff, sizeof(recent->buckets)); /* NONE each */
	return recent;
}

void audit_recent_free(struct audit_recent *recent)
{
	if (recent == NULL)
		return;
	free(recent->nodes);
	free(recent);
}

static uint32_t *bucket_of(struct audit_recent *recent, const struct mp_id *id)
{
	uint64_t hash = 1469598103934665603u;

	for (size_t i = 0; i < sizeof(id->text) - 1; i++)
		hash = (hash ^ (uint8_t)id->text[i]) * 1099511628211u;
	return &recent->buckets[(hash ^ hash >> 32) & (BUCKETS - 1)];
}

static enum mp_rc node_obtain(struct audit_recent *recent, uint32_t *out_at)
{
	if (recent->unused != NONE) {
		*out_at = recent->unused;
		recent->unused = recent->nodes[*out_at].next;
		return MP_OK;
	}
	if (recent->count == recent->count_max)
		return MP_TOO_LARGE;
	if (recent->count == recent->capacity) {
		size_t wider = recent->capacity == 0 ? NODES_FIRST : 2 * recent->capacity;
		struct node *nodes = realloc(recent->nodes, wider * sizeof(*nodes));
		if (nodes == NULL)
			return MP_NOMEM;
		recent->nodes = nodes;
		recent->capacity = wider;
	}
	*out_at = (uint32_t)recent->count++;
	return MP_OK;
}

enum mp_rc audit_recent_add(struct audit_recent *recent, const struct mp_id *transfer_id,
	const char *currency, int64_t amount_minor, audit_print print)
{
	uint32_t *link = bucket_of(recent, transfer_id);
	uint32_t at;

	while (*link != NONE &&
		!mp_id_equal(&recent->nodes[*link].partial.transfer_id, transfer_id))
		link = &recent->nodes[*link].next;
	if (*link != NONE) {
		struct node *node = &recent->nodes[*link];
		node->partial.sum += amount_minor;
		node->partial.prints += print;
		if (node->partial.sum == 0 && node->partial.prints == 0) {
			at = *link;
			*link = node->next;
			node->used = false;
			node->next = recent->unused;
			recent->unused = at;
		}
		return MP_OK;
	}

	enum mp_rc rc = node_obtain(recent, &at);
	if (rc != MP_OK)
		return rc;
	link = bucket_of(recent, transfer_id); /* the nodes may have moved */
	struct node *node = &recent->nodes[at];
	*node = (struct node){
		.partial = {.transfer_id = *transfer_id, .sum = amount_minor, .prints = print},
		.next = *link,
		.used = true,
	};
	memcpy(node->partial.currency, currency, sizeof(node->partial.currency));
	*link = at;
	return MP_OK;
}

const struct audit_partial *audit_recent_next(const struct audit_recent *recent, size_t *cursor)
{
	while (*cursor < recent->count) {
		const struct node *node = &recent->nodes[(*cursor)++];
		if (node->used)
			return &node->partial;
	}
	return NULL;
}
