#include "config/config.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define SECRET_LEN_MAX 16384
#define FILE_NAME_SIZE 128

/* A setting's value on its way in. */
struct value {
	const char *text; /* NULL: nothing is set */
	char *from_file;  /* owned; text points here then */
	bool is_fallback;
};

static bool is_text(const struct mp_setting *setting)
{
	return setting->type == MP_SETTING_TEXT || setting->type == MP_SETTING_SECRET ||
	       setting->type == MP_SETTING_CHOICE;
}

/* The field's place; fields are copied in and out, as their types differ. */
static void *field(const struct mp_setting *setting, void *target)
{
	return (char *)target + setting->offset;
}

static enum mp_rc problem(struct mp_buf *problems, const char *name, const char *what)
{
	(void)mp_buf_addf(problems, "%s %s.\n", name, what);
	return MP_INVALID;
}

/* An empty variable counts as none: that is what compose files give for what is not set. */
static const char *environment(const char *name)
{
	const char *text = getenv(name);
	return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Reads a whole file, without the newline at its end. */
static enum mp_rc read_secret_file(const char *path, char **out_text)
{
	enum mp_rc rc = MP_INVALID;
	size_t len = 0;
	char *text = calloc(1, SECRET_LEN_MAX + 2);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (text == NULL) {
		rc = MP_NOMEM;
		goto out;
	}
	if (fd < 0)
		goto out;
	while (len <= SECRET_LEN_MAX) {
		ssize_t got = read(fd, text + len, SECRET_LEN_MAX + 1 - len);
		if (got < 0)
			goto out;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	if (len > SECRET_LEN_MAX || memchr(text, '\0', len) != NULL)
		goto out;
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';

	*out_text = text;
	text = NULL;
	rc = MP_OK;
out:
	if (fd >= 0)
		(void)close(fd);
	if (text != NULL)
		explicit_bzero(text, SECRET_LEN_MAX + 2);
	free(text);
	return rc;
}

/* From NAME or the file that NAME_FILE names. */
static enum mp_rc find_secret(
	const struct mp_setting *setting, struct value *value, struct mp_buf *problems)
{
	char file_name[FILE_NAME_SIZE];

	if (mp_text_format(file_name, sizeof(file_name), "%s_FILE", setting->name) != MP_OK)
		return MP_BUG;
	const char *path = environment(file_name);
	if (path == NULL)
		return MP_OK;
	if (value->text != NULL)
		return problem(problems, setting->name, "and its _FILE are both set: one of them");

	enum mp_rc rc = read_secret_file(path, &value->from_file);
	if (rc == MP_INVALID)
		return problem(problems, file_name,
			"does not name a readable file of at most 16 KiB of text");
	if (rc != MP_OK)
		return rc;
	if (value->from_file[0] != '\0')
		value->text = value->from_file;
	return MP_OK;
}

static enum mp_rc find_value(
	const struct mp_setting *setting, struct value *value, struct mp_buf *problems)
{
	value->text = environment(setting->name);
	if (setting->type == MP_SETTING_SECRET) {
		enum mp_rc rc = find_secret(setting, value, problems);
		if (rc != MP_OK)
			return rc;
	}
	if (value->text == NULL) {
		value->text = setting->fallback;
		value->is_fallback = true;
	}
	if (value->text == NULL)
		return problem(problems, setting->name,
			setting->type == MP_SETTING_SECRET ? "(or its _FILE) is required"
							   : "is required");
	return MP_OK;
}

static enum mp_rc read_int(
	const struct mp_setting *setting, const char *text, void *target, struct mp_buf *problems)
{
	int64_t number;

	if (mp_text_to_int(text, &number) != MP_OK || number < setting->min ||
		number > setting->max) {
		(void)mp_buf_addf(problems,
			"%s must be a whole number from %" PRId64 " to %" PRId64 ", not \"%s\".\n",
			setting->name, setting->min, setting->max, text);
		return MP_INVALID;
	}
	memcpy(field(setting, target), &number, sizeof(number));
	return MP_OK;
}

static enum mp_rc read_bool(
	const struct mp_setting *setting, const char *text, void *target, struct mp_buf *problems)
{
	bool on = strcmp(text, "true") == 0;

	if (!on && strcmp(text, "false") != 0) {
		(void)mp_buf_addf(
			problems, "%s must be true or false, not \"%s\".\n", setting->name, text);
		return MP_INVALID;
	}
	memcpy(field(setting, target), &on, sizeof(on));
	return MP_OK;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t text_len = strlen(text);

	for (const char *at = choices;;) {
		size_t len = strcspn(at, "|");
		if (len == text_len && memcmp(at, text, len) == 0)
			return true;
		if (at[len] == '\0')
			return false;
		at += len + 1;
	}
}

static enum mp_rc read_text(
	const struct mp_setting *setting, const char *text, void *target, struct mp_buf *problems)
{
	if (setting->type == MP_SETTING_CHOICE && !is_choice(setting->choices, text)) {
		(void)mp_buf_addf(problems, "%s must be one of %s, not \"%s\".\n", setting->name,
			setting->choices, text);
		return MP_INVALID;
	}
	char *copy = strdup(text);
	if (copy == NULL)
		return MP_NOMEM;
	memcpy(field(setting, target), &copy, sizeof(copy));
	return MP_OK;
}

static enum mp_rc load_one(const struct mp_setting *setting, void *target, struct mp_buf *problems)
{
	struct value value = {0};
	enum mp_rc rc = find_value(setting, &value, problems);

	if (rc == MP_OK) {
		if (is_text(setting))
			rc = read_text(setting, value.text, target, problems);
		else if (setting->type == MP_SETTING_INT)
			rc = read_int(setting, value.text, target, problems);
		else
			rc = read_bool(setting, value.text, target, problems);
	}
	if (value.from_file != NULL)
		explicit_bzero(value.from_file, strlen(value.from_file));
	free(value.from_file);
	return rc;
}

static void clear_texts(const struct mp_setting *settings, size_t count, void *target)
{
	const char *none = NULL;

	for (size_t i = 0; i < count; i++) {
		if (is_text(&settings[i]))
			memcpy(field(&settings[i], target), &none, sizeof(none));
	}
}

enum mp_rc mp_config_load(const struct mp_setting *settings, size_t count, void *target,
	struct mp_buf *reterr_problems)
{
	enum mp_rc worst = MP_OK;

	clear_texts(settings, count, target);
	for (size_t i = 0; i < count; i++) {
		enum mp_rc rc = load_one(&settings[i], target, reterr_problems);
		if (rc != MP_OK && worst != MP_NOMEM)
			worst = rc;
	}
	if (worst != MP_OK)
		mp_config_done(settings, count, target);
	return worst;
}

void mp_config_done(const struct mp_setting *settings, size_t count, void *target)
{
	for (size_t i = 0; i < count; i++) {
		char *text;

		if (!is_text(&settings[i]))
			continue;
		memcpy(&text, field(&settings[i], target), sizeof(text));
		if (text != NULL && settings[i].type == MP_SETTING_SECRET)
			explicit_bzero(text, strlen(text));
		free(text);
	}
	clear_texts(settings, count, target);
}

static void print_one(const struct mp_setting *setting, struct mp_buf *out)
{
	bool secret = setting->type == MP_SETTING_SECRET;

	(void)mp_buf_addf(
		out, "  %s%s%s", setting->name, secret ? " or " : "", secret ? setting->name : "");
	(void)mp_buf_adds(out, secret ? "_FILE" : "");
	if (setting->fallback == NULL)
		(void)mp_buf_adds(out, " (required)");
	else if (secret || setting->fallback[0] == '\0')
		(void)mp_buf_adds(out, " (optional)");
	else
		(void)mp_buf_addf(out, " (default %s)", setting->fallback);
	(void)mp_buf_addf(out, "\n      %s", setting->help);
	if (setting->type == MP_SETTING_INT)
		(void)mp_buf_addf(out, " (%" PRId64 " to %" PRId64 ")", setting->min, setting->max);
	else if (setting->type == MP_SETTING_CHOICE)
		(void)mp_buf_addf(out, " (%s)", setting->choices);
	(void)mp_buf_adds(out, "\n");
}

void mp_config_print_help(
	const struct mp_setting *settings, size_t count, bool required, struct mp_buf *out)
{
	for (size_t i = 0; i < count; i++) {
		if ((settings[i].fallback == NULL) == required)
			print_one(&settings[i], out);
	}
}
