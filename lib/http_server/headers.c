#include "http_server/internal.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* --- the fields that the server reads itself, found in one pass over the request's headers --- */

struct known {
	const char *name;
	size_t len;
	size_t offset;
	bool once; /* where a second one would let two readers see two requests */
};

#define KNOWN(text, member, stands_once)                                                           \
	{(text), sizeof(text) - 1, offsetof(struct known_headers, member), (stands_once)}

static const struct known knowns[] = {
	KNOWN("authorization", authorization, true),
	KNOWN("content-length", content_length, true),
	KNOWN("content-type", content_type, true),
	KNOWN("expect", expect, false),
	KNOWN("host", host, true),
	KNOWN("idempotency-key", idempotency_key, true),
	KNOWN("origin", origin, true),
	KNOWN("traceparent", traceparent, false),
	KNOWN("transfer-encoding", transfer_encoding, true),
	KNOWN("x-forwarded-for", forwarded_for, false),
	KNOWN("x-requested-with", requested_with, false),
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	struct known_headers *headers = cls;

	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		if (knowns[i].len != name_len || strcasecmp(knowns[i].name, name) != 0)
			continue;
		const char **slot = (const char **)((char *)headers + knowns[i].offset);
		if (*slot != NULL && knowns[i].once)
			headers->repeated = true;
		if (*slot == NULL)
			*slot = value == NULL ? "" : value;
		break;
	}
	return MHD_YES;
}

void http_headers_read(struct mp_request *req)
{
	(void)MHD_get_connection_values_n(
		req->conn->mhd, MHD_HEADER_KIND, on_header, &req->headers);
}

/*
 * Where a request ends must be beyond doubt: what the gateway took for one request must not be two
 * here (RFC 9112 section 6.1). The connection is closed after such a one.
 */
enum mp_rc http_headers_check_framing(struct mp_request *req, uint64_t *out_content_length)
{
	const struct known_headers *headers = &req->headers;
	int64_t length = 0;

	if (headers->repeated) {
		req->close_after = true;
		return http_refuse(req, 400, "malformed_request",
			"A header field that may stand once stands twice.", MP_INVALID);
	}
	if (headers->transfer_encoding != NULL &&
		(headers->content_length != NULL ||
			strcasecmp(headers->transfer_encoding, "chunked") != 0)) {
		req->close_after = true;
		return http_refuse(req, 400, "malformed_request",
			"Transfer-Encoding is understood as \"chunked\" without Content-Length "
			"only.",
			MP_INVALID);
	}
	/* libmicrohttpd has refused what is not a number already. */
	if (headers->content_length != NULL &&
		(mp_text_to_int(headers->content_length, &length) != MP_OK || length < 0)) {
		req->close_after = true;
		return http_refuse(req, 400, "malformed_request", "Content-Length is not a number.",
			MP_INVALID);
	}
	*out_content_length = (uint64_t)length;
	return MP_OK;
}

/* --- Content-Type --- */

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* application/json, at most with charset=utf-8. */
bool http_media_type_is_json(const char *content_type)
{
	static const char json[] = "application/json";
	static const char charset[] = "charset=";

	if (content_type == NULL || strncasecmp(content_type, json, sizeof(json) - 1) != 0)
		return false;
	const char *rest = skip_blanks(content_type + sizeof(json) - 1);
	if (*rest == '\0')
		return true;
	if (*rest != ';')
		return false;
	rest = skip_blanks(rest + 1);
	if (strncasecmp(rest, charset, sizeof(charset) - 1) != 0)
		return false;
	rest += sizeof(charset) - 1;
	return strcasecmp(rest, "utf-8") == 0 || strcasecmp(rest, "\"utf-8\"") == 0;
}

/* --- the client's address --- */

static bool v4_is_inside(const uint8_t bytes[4])
{
	return bytes[0] == 127 || bytes[0] == 10 || (bytes[0] == 172 && (bytes[1] & 0xf0) == 16) ||
	       (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 100 && (bytes[1] & 0xc0) == 64);
}

/* Loopback, private or carrier-grade ranges: where the gateway may be, and clients are not. */
static bool is_inside(const struct sockaddr *peer)
{
	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)peer;
		return v4_is_inside((const uint8_t *)&v4->sin_addr);
	}
	if (peer->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)peer;
		const uint8_t *bytes = v6->sin6_addr.s6_addr;
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) || (bytes[0] & 0xfe) == 0xfc ||
		       IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
	}
	return false;
}

static void format_peer(const struct sockaddr *peer, char out[INET6_ADDRSTRLEN])
{
	const void *address = NULL;

	if (peer->sa_family == AF_INET)
		address = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
	else if (peer->sa_family == AF_INET6)
		address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
	if (address == NULL || inet_ntop(peer->sa_family, address, out, INET6_ADDRSTRLEN) == NULL)
		out[0] = '\0';
}

/*
 * The last entry is what the gateway itself saw; those before it are only what a client said. What
 * is not an address is left out of account.
 */
static bool last_forwarded(const char *forwarded_for, char out[INET6_ADDRSTRLEN])
{
	uint8_t bytes[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	const char *comma = strrchr(forwarded_for, ',');
	const char *last = skip_blanks(comma == NULL ? forwarded_for : comma + 1);

	if (mp_text_copy(text, sizeof(text), last) != MP_OK)
		return false;
	text[strcspn(text, " \t")] = '\0';
	if (inet_pton(AF_INET, text, bytes) != 1 && inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	memcpy(out, text, sizeof(text));
	return true;
}

const char *mp_request_address(struct mp_request *req)
{
	if (req->address[0] != '\0')
		return req->address;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info == NULL || info->client_addr == NULL)
		return req->address;
	if (req->headers.forwarded_for == NULL || !is_inside(info->client_addr) ||
		!last_forwarded(req->headers.forwarded_for, req->address))
		format_peer(info->client_addr, req->address);
	return req->address;
}
