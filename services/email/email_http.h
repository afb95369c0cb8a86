#ifndef MP_EMAIL_HTTP_H
#define MP_EMAIL_HTTP_H

#include "email_types.h"
#include "http_server/http_server.h"

/* ctx of the handlers: struct email_app. */
extern const struct mp_route email_routes[];
extern const size_t email_routes_count;

/* As the API has it; the caller's to free. NULL without memory. */
json_t *email_mail_to_json(const struct email_mail *mail);

/* operations_http.c */
enum mp_rc email_get_operated(struct mp_request *req, struct mp_response *res, void *ctx);

#endif
