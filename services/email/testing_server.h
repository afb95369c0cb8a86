#ifndef MP_EMAIL_TESTING_SERVER_H
#define MP_EMAIL_TESTING_SERVER_H

/* For tests only: a mail server that answers by a script. */

#include "base/testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "base/text.h"

#define SMTP_CUT "" /* instead of an answer: the connection ends */

/* What a server answers; NULL: as if all is well. */
struct smtp_script {
	const char *greeting;
	const char *hello;
	const char *sender;
	const char *recipient;
	const char *data;
	const char *end;
};

/* A mail server for one connection after another, by a script. */
struct smtp_server {
	int fd;
	pthread_t thread;
	const struct smtp_script *script;
	atomic_int connections;
	char message[4096]; /* the last one, as it came over the wire, without the final dot */
	char commands[4096];
};

static inline bool smtp_server_say(FILE *file, const char *answer, const char *usual)
{
	const char *text = answer != NULL ? answer : usual;

	return text[0] != '\0' && fprintf(file, "%s\r\n", text) > 0 && fflush(file) == 0;
}

static inline bool smtp_server_take_message(struct smtp_server *server, FILE *file)
{
	char line[1200];

	if (!smtp_server_say(file, server->script->data, "354 go on"))
		return false;
	if (server->script->data != NULL)
		return true; /* refused */
	server->message[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strcmp(line, ".\r\n") == 0)
			return smtp_server_say(file, server->script->end, "250 taken");
		size_t len = strlen(server->message);
		(void)snprintf(server->message + len, sizeof(server->message) - len, "%s", line);
	}
	return false;
}

static inline void smtp_server_serve(struct smtp_server *server, FILE *file)
{
	const struct smtp_script *script = server->script;
	char line[1200];
	bool on = smtp_server_say(file, script->greeting, "220 here");

	while (on && fgets(line, sizeof(line), file) != NULL) {
		size_t len = strlen(server->commands);
		(void)snprintf(server->commands + len, sizeof(server->commands) - len, "%s", line);
		if (strncmp(line, "EHLO", 4) == 0)
			on = smtp_server_say(file, script->hello, "250-here\r\n250 8BITMIME");
		else if (strncmp(line, "MAIL", 4) == 0)
			on = smtp_server_say(file, script->sender, "250 sender");
		else if (strncmp(line, "RCPT", 4) == 0)
			on = smtp_server_say(file, script->recipient, "250 recipient");
		else if (strncmp(line, "DATA", 4) == 0)
			on = smtp_server_take_message(server, file);
		else if (strncmp(line, "QUIT", 4) == 0)
			on = smtp_server_say(file, NULL, "221 bye") && false;
		else
			on = smtp_server_say(file, NULL, "502 what");
	}
}

static inline void *smtp_server_run(void *arg)
{
	struct smtp_server *server = arg;
	int fd;

	while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
		FILE *file = fdopen(fd, "r+");

		if (file == NULL) {
			(void)close(fd);
			continue;
		}
		atomic_fetch_add(&server->connections, 1);
		smtp_server_serve(server, file);
		(void)fclose(file);
	}
	return NULL;
}

static inline void smtp_server_start(
	struct smtp_server *server, const struct smtp_script *script, char out_url[64])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	*server = (struct smtp_server){.script = script, .fd = socket(AF_INET, SOCK_STREAM, 0)};
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server->fd, 8), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(mp_text_format(out_url, 64, "smtp://127.0.0.1:%d/test.example",
				 ntohs(address.sin_port)),
		MP_OK);
	assert_int_equal(pthread_create(&server->thread, NULL, smtp_server_run, server), 0);
}

static inline void smtp_server_stop(struct smtp_server *server)
{
	(void)shutdown(server->fd, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->fd);
}

#endif
