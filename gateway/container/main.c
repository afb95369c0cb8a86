/*
 * What a container of the gateway starts: fills nginx's configuration in from the settings, and
 * becomes nginx. An image without a shell needs a program for it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "config/config.h"
#include "service/health.h"

#define EXIT_WRONG_USE 2
#define FILE_BYTES_MAX 65536
#define NGINX "/usr/sbin/nginx"
#define FIELD(name) offsetof(struct settings, name)

static struct settings {
	const char *listen;
	const char *domain;
	const char *trusted;
	const char *templates;
	const char *run;
	const char *web;
	int64_t service_port;
	int64_t rate;
	int64_t sign_on_rate;
} settings;

static const struct mp_setting settings_table[] = {
	{"LISTEN", MP_SETTING_TEXT, "0.0.0.0:8080", FIELD(listen), .help = "address and port"},
	{"GATEWAY_DOMAIN", MP_SETTING_TEXT, "", FIELD(domain),
		.help = "follows the services' names, such as moneypal.svc.cluster.local"},
	{"GATEWAY_SERVICE_PORT", MP_SETTING_INT, "8080", FIELD(service_port), .min = 1,
		.max = 65535, .help = "the port of every service"},
	{"GATEWAY_RATE", MP_SETTING_INT, "100", FIELD(rate), .min = 1, .max = 1000000,
		.help = "requests per second and client address"},
	{"GATEWAY_SIGN_ON_RATE", MP_SETTING_INT, "2", FIELD(sign_on_rate), .min = 1, .max = 1000000,
		.help = "registrations, log-ons and password changes, per second and client "
			"address"},
	{"GATEWAY_TRUSTED", MP_SETTING_TEXT, "", FIELD(trusted),
		.help = "load balancers in front, as addresses or networks with commas between"},
	{"GATEWAY_TEMPLATES", MP_SETTING_TEXT, "/etc/moneypal", FIELD(templates),
		.help = "the files to fill in"},
	{"GATEWAY_RUN", MP_SETTING_TEXT, "/run/gateway", FIELD(run),
		.help = "where they go, and nginx's temporary files"},
	{"GATEWAY_WEB", MP_SETTING_TEXT, "/web", FIELD(web), .help = "the web UI"},
};
#define SETTINGS_COUNT (sizeof(settings_table) / sizeof(settings_table[0]))

static const char *const services[] = {"USER", "WALLET", "PAYMENT", "BILLING", "EMAIL"};

/* --- files --- */

static enum mp_rc read_file(const char *path, struct mp_buf *out)
{
	char bytes[4096];
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return MP_UNAVAILABLE;
	while ((got = read(fd, bytes, sizeof(bytes))) > 0)
		(void)mp_buf_add(out, bytes, (size_t)got); /* remembered: see mp_buf_rc */
	(void)close(fd);
	return got < 0 ? MP_UNAVAILABLE : mp_buf_rc(out);
}

static enum mp_rc write_file(const char *path, const struct mp_buf *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t put;

	if (fd < 0)
		return MP_UNAVAILABLE;
	put = write(fd, mp_buf_text(text), text->len);
	return close(fd) == 0 && put == (ssize_t)text->len ? MP_OK : MP_UNAVAILABLE;
}

/* --- what stands between the @ --- */

/* "user.moneypal.svc.cluster.local:8080" for USER */
static void add_service(struct mp_buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		(void)mp_buf_addf(out, "%c", *name | 0x20);
	(void)mp_buf_addf(out, "%s%s:%d", settings.domain[0] != '\0' ? "." : "", settings.domain,
		(int)settings.service_port);
}

/* The machine's first name server: nginx has a resolver of its own, which reads no file. */
static void add_resolver(struct mp_buf *out)
{
	struct mp_buf conf;
	const char *line;

	mp_buf_init(&conf, FILE_BYTES_MAX);
	line = read_file("/etc/resolv.conf", &conf) == MP_OK
		       ? strstr(mp_buf_text(&conf), "nameserver ")
		       : NULL;
	if (line != NULL) {
		const char *address = line + strlen("nameserver ");
		int len = (int)strcspn(address, " \t\n");
		bool v6 = memchr(address, ':', (size_t)len) != NULL;
		(void)mp_buf_addf(out, v6 ? "[%.*s]" : "%.*s", len, address);
	} else {
		(void)mp_buf_adds(out, "127.0.0.1");
	}
	mp_buf_done(&conf);
}

static void add_trusted(struct mp_buf *out)
{
	const char *at = settings.trusted;

	while (*at != '\0') {
		int len = (int)strcspn(at, ",");
		(void)mp_buf_addf(out, "set_real_ip_from %.*s;\n", len, at);
		at += at[len] == ',' ? len + 1 : len;
	}
}

/* MP_NOT_FOUND: no such name. What fails to be added is remembered by out. */
static enum mp_rc add_value(struct mp_buf *out, const char *name)
{
	const struct {
		const char *name;
		const char *text;
		int64_t number;
	} plain[] = {
		{"USER_LINE", "", 0}, /* there is one user */
		{"RUN", settings.run, 0},
		{"WEB", settings.web, 0},
		{"LISTEN", settings.listen, 0},
		/* Buffered below a pipe's atomic write: lines of two workers are never mixed. */
		{"ACCESS_LOG", "/dev/stdout json buffer=4k flush=1s", 0},
		{"REQUESTS_PER_S", NULL, settings.rate},
		{"REQUESTS_BURST", NULL, 4 * settings.rate},
		{"SIGN_ONS_PER_S", NULL, settings.sign_on_rate},
		{"SIGN_ONS_BURST", NULL, 10 * settings.sign_on_rate},
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(plain[i].name, name) != 0)
			continue;
		if (plain[i].text != NULL)
			(void)mp_buf_adds(out, plain[i].text);
		else
			(void)mp_buf_addf(out, "%lld", (long long)plain[i].number);
		return MP_OK;
	}
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (strcmp(services[i], name) == 0) {
			add_service(out, name);
			return MP_OK;
		}
	}
	if (strcmp(name, "RESOLVER") == 0)
		add_resolver(out);
	else if (strcmp(name, "TRUSTED_LINES") == 0)
		add_trusted(out);
	else
		return MP_NOT_FOUND;
	return MP_OK;
}

/* --- filling in --- */

/* "@NAME@" at this place: its length with both @, and the name. 0: another use of @. */
static size_t name_at(const char *at, char out_name[32])
{
	size_t len = strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

	if (len == 0 || len >= 32 || at[len + 1] != '@')
		return 0;
	memcpy(out_name, at + 1, len);
	out_name[len] = '\0';
	return len + 2;
}

static enum mp_rc fill(const char *text, struct mp_buf *out)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "@");
		char name[32];

		(void)mp_buf_add(out, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		size_t len = name_at(text, name);
		if (len == 0) {
			(void)mp_buf_add(out, text, 1);
			len = 1;
		} else if (add_value(out, name) != MP_OK) {
			(void)fprintf(stderr, "@%s@ has no value.\n", name);
			return MP_INVALID;
		}
		text += len;
	}
	return mp_buf_rc(out);
}

static enum mp_rc fill_file(const char *name)
{
	char from[512];
	char to[512];
	struct mp_buf text;
	struct mp_buf filled;
	enum mp_rc rc = mp_text_format(from, sizeof(from), "%s/%s", settings.templates, name);

	mp_buf_init(&text, FILE_BYTES_MAX);
	mp_buf_init(&filled, FILE_BYTES_MAX);
	if (rc == MP_OK)
		rc = mp_text_format(to, sizeof(to), "%s/%s", settings.run, name);
	if (rc == MP_OK)
		rc = read_file(from, &text);
	if (rc == MP_OK)
		rc = fill(mp_buf_text(&text), &filled);
	if (rc == MP_OK)
		rc = write_file(to, &filled);
	if (rc != MP_OK)
		(void)fprintf(stderr, "%s cannot be filled in to %s: %s.\n", from, settings.run,
			mp_rc_name(rc));
	mp_buf_done(&text);
	mp_buf_done(&filled);
	return rc;
}

static enum mp_rc fill_all(void)
{
	DIR *folder = opendir(settings.templates);
	const struct dirent *entry;
	enum mp_rc rc = MP_OK;

	if (folder == NULL) {
		(void)fprintf(stderr, "%s: %s.\n", settings.templates, strerror(errno));
		return MP_UNAVAILABLE;
	}
	while (rc == MP_OK && (entry = readdir(folder)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		if (dot != NULL && strcmp(dot, ".conf") == 0)
			rc = fill_file(entry->d_name);
	}
	(void)closedir(folder);
	return rc;
}

static int become_nginx(void)
{
	char conf[512];
	enum mp_rc rc = mp_text_format(conf, sizeof(conf), "%s/nginx.conf", settings.run);

	if (rc == MP_OK)
		(void)execl(NGINX, "nginx", "-p", settings.run, "-e", "stderr", "-c", conf,
			(char *)NULL);
	(void)fprintf(stderr, "%s cannot be run: %s.\n", NGINX, strerror(errno));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct mp_buf problems;

	if (argc == 2 && strcmp(argv[1], "--health") == 0)
		return service_health();
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--fill") != 0)) {
		(void)fprintf(stderr, "Usage: moneypal-gateway [--fill | --health]\n");
		return EXIT_WRONG_USE;
	}
	mp_buf_init(&problems, FILE_BYTES_MAX);
	if (mp_config_load(settings_table, SETTINGS_COUNT, &settings, &problems) != MP_OK) {
		(void)fputs(mp_buf_text(&problems), stderr);
		return EXIT_WRONG_USE;
	}
	if (fill_all() != MP_OK)
		return EXIT_FAILURE;
	return argc == 2 ? EXIT_SUCCESS : become_nginx();
}
