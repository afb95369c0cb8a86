#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "bus/connection.h"
#include "bus/topology.h"

/* At most what fits; a text that is cut still tells more than none. */
static void copy_bytes(char *out, size_t out_size, amqp_bytes_t bytes)
{
	size_t len = bytes.len < out_size ? bytes.len : out_size - 1;

	if (len > 0)
		memcpy(out, bytes.bytes, len);
	out[len] = '\0';
}

static bool is_key(const amqp_table_entry_t *entry, const char *name)
{
	return entry->key.len == strlen(name) &&
	       memcmp(entry->key.bytes, name, entry->key.len) == 0;
}

static bool is_text(const amqp_field_value_t *value)
{
	return value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES;
}

/* A death as the broker notes it: {count, reason, queue, time, exchange, routing-keys}. */
static void read_death(const amqp_table_t *death, struct mp_dead_headers *out)
{
	for (int i = 0; i < death->num_entries; i++) {
		const amqp_table_entry_t *entry = &death->entries[i];
		const amqp_field_value_t *value = &entry->value;

		if (is_key(entry, "reason") && is_text(value))
			copy_bytes(out->reason, sizeof(out->reason), value->value.bytes);
		if (is_key(entry, "time") && value->kind == AMQP_FIELD_KIND_TIMESTAMP &&
			value->value.u64 < INT64_MAX / 1000)
			mp_time_format((int64_t)value->value.u64 * 1000, out->time);
		if (is_key(entry, "routing-keys") && value->kind == AMQP_FIELD_KIND_ARRAY &&
			value->value.array.num_entries > 0 &&
			is_text(&value->value.array.entries[0]))
			copy_bytes(out->routing_key, sizeof(out->routing_key),
				value->value.array.entries[0].value.bytes);
	}
}

void mp_dead_headers_read(const amqp_table_t *headers, struct mp_dead_headers *out)
{
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < headers->num_entries; i++) {
		const amqp_table_entry_t *entry = &headers->entries[i];
		const amqp_array_t *deaths = &entry->value.value.array;

		if (is_key(entry, "x-death") && entry->value.kind == AMQP_FIELD_KIND_ARRAY &&
			deaths->num_entries > 0 && deaths->entries[0].kind == AMQP_FIELD_KIND_TABLE)
			read_death(&deaths->entries[0].value.table, out);
	}
	/* What a consumer of ours wrote says more. */
	for (int i = 0; i < headers->num_entries; i++) {
		const amqp_table_entry_t *entry = &headers->entries[i];

		if (!is_text(&entry->value))
			continue;
		if (is_key(entry, MP_DEAD_REASON))
			copy_bytes(out->reason, sizeof(out->reason), entry->value.value.bytes);
		else if (is_key(entry, MP_DEAD_TIME))
			copy_bytes(out->time, sizeof(out->time), entry->value.value.bytes);
		else if (is_key(entry, MP_DEAD_ROUTING_KEY))
			copy_bytes(out->routing_key, sizeof(out->routing_key),
				entry->value.value.bytes);
	}
}
