#include "base/rc.h"

#include <stddef.h>

const char *mp_rc_name(enum mp_rc rc)
{
	switch (rc) {
	case MP_OK:
		return "ok";
	case MP_INVALID:
		return "invalid";
	case MP_UNAUTHENTICATED:
		return "unauthenticated";
	case MP_FORBIDDEN:
		return "forbidden";
	case MP_NOT_FOUND:
		return "not_found";
	case MP_CONFLICT:
		return "conflict";
	case MP_TOO_LARGE:
		return "too_large";
	case MP_TOO_MANY:
		return "too_many";
	case MP_EXISTS:
		return "exists";
	case MP_STALE:
		return "stale";
	case MP_UNAVAILABLE:
		return "unavailable";
	case MP_UNKNOWN:
		return "unknown";
	case MP_BUSY:
		return "busy";
	case MP_NOMEM:
		return "no_memory";
	case MP_CORRUPT:
		return "corrupt";
	case MP_BUG:
		return "bug";
	case MP_PENDING:
		return "pending";
	}
	return "undefined";
}

int mp_rc_is_transient(enum mp_rc rc)
{
	return rc == MP_UNAVAILABLE || rc == MP_UNKNOWN || rc == MP_BUSY || rc == MP_NOMEM ||
	       rc == MP_TOO_MANY;
}

void mp_sink_report(
	const struct mp_sink *sink, const char *event, enum mp_rc rc, const char *detail)
{
	if (sink != NULL && sink->report != NULL)
		sink->report(sink->ctx, event, rc, detail);
}
