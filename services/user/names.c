#include "names.h"

#include <assert.h>
#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wctype.h>

#include "base/text.h"

#define EMAIL_LOCAL_MAX 64
#define EMAIL_LABEL_MAX 63

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The code point at *text, which then points behind it. The text is not at its end. */
static uint32_t next_char(const char **text)
{
	const unsigned char *bytes = (const unsigned char *)*text;
	size_t len = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	uint32_t code = len == 1 ? bytes[0] : bytes[0] & (0xffu >> (len + 1));
	size_t i = 1;

	for (; i < len && (bytes[i] & 0xc0) == 0x80; i++) /* never past the end, whatever came in */
		code = code << 6 | (bytes[i] & 0x3fu);
	*text += i;
	return code;
}

/* The UTF-8 bytes of a code point; how many. */
static size_t encode_char(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (char)((0xf00u >> len) | code);
	return len;
}

size_t names_length(const char *text)
{
	size_t count = 0;

	while (*text != '\0') {
		(void)next_char(&text);
		count++;
	}
	return count;
}

const char *user_name_fault(const char *text)
{
	size_t len = strlen(text);

	if (len < USER_NAME_MIN || len > USER_NAME_MAX)
		return "must have 3 to 32 characters";
	for (size_t i = 0; i < len; i++) {
		if (!is_letter_or_digit(text[i]) && strchr("._-", text[i]) == NULL)
			return "may have letters, digits, '.', '_' and '-' only";
	}
	return NULL;
}

/*
 * Characters that show nothing, or turn the text around them: a name made of them could pass for
 * another's. The joiners U+200C and U+200D are part of how some languages are written.
 */
static bool is_unseen(uint32_t code)
{
	static const struct {
		uint32_t first;
		uint32_t last;
	} ranges[] = {{0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x115f, 0x1160},
		{0x180e, 0x180e}, {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e},
		{0x2060, 0x206f}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
		{0xfff0, 0xffff}, {0xe0000, 0xe0fff}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

static bool is_space(uint32_t code)
{
	return code == 0x20 || code == 0xa0 || (code >= 0x2000 && code <= 0x200a) ||
	       code == 0x202f || code == 0x205f || code == 0x3000;
}

const char *person_name_fault(const char *text)
{
	uint32_t last = 0x20;
	size_t count = 0;

	for (const char *at = text; *at != '\0'; count++) {
		uint32_t code = next_char(&at);

		if (is_unseen(code))
			return "must not have characters that cannot be seen";
		if (is_space(code) && count == 0)
			return "must not begin with a space";
		last = code;
	}
	if (count == 0)
		return "must not be empty";
	if (count > PERSON_NAME_CHARS_MAX)
		return "must have at most 64 characters";
	return is_space(last) ? "must not end with a space" : NULL;
}

/* Dots between parts that are not empty, made of letters, digits and others. */
static bool is_dotted(const char *text, size_t len, const char *others, size_t part_max)
{
	size_t part = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			if (part == 0)
				return false;
			part = 0;
		} else if (!is_letter_or_digit(text[i]) && strchr(others, text[i]) == NULL) {
			return false;
		} else if (++part > part_max) {
			return false;
		}
	}
	return part > 0;
}

static bool is_domain(const char *text)
{
	size_t len = strlen(text);

	/* A label may have a hyphen inside, not at its ends. */
	if (text[0] == '-' || strstr(text, ".-") != NULL || strstr(text, "-.") != NULL)
		return false;
	return is_dotted(text, len, "-", EMAIL_LABEL_MAX) && strchr(text, '.') != NULL &&
	       text[len - 1] != '-';
}

const char *email_fault(const char *text)
{
	static const char fault[] = "must be an e-mail address such as ada@example.com";
	const char *at = strrchr(text, '@');

	if (strlen(text) > EMAIL_MAX || at == NULL || (size_t)(at - text) > EMAIL_LOCAL_MAX)
		return fault;
	if (!is_dotted(text, (size_t)(at - text), "!#$%&'*+/=?^_`{|}~-", EMAIL_LOCAL_MAX))
		return fault;
	return is_domain(at + 1) ? NULL : fault;
}

const char *password_fault(const char *text)
{
	return names_length(text) < PASSWORD_CHARS_MIN ? "must have at least 8 characters" : NULL;
}

/* --- folding --- */

static locale_t utf8_locale;

static void open_locale(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t lower(uint32_t code)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (code < 0x80)
		return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
	(void)pthread_once(&once, open_locale);
	if (utf8_locale == (locale_t)0)
		return code; /* a system without UTF-8: then only ASCII has capitals */
	return (uint32_t)towlower_l((wint_t)code, utf8_locale);
}

void names_fold(const char *text, char *out, size_t out_size)
{
	bool gap = false;
	size_t len = 0;

	assert(out_size > 0);
	while (*text != '\0') {
		char bytes[5] = " ";
		uint32_t code = next_char(&text);

		if (is_space(code)) {
			gap = len > 0;
			continue;
		}
		size_t start = gap ? 1 : 0; /* bytes[0] is the one space for a run of them */
		size_t bytes_len = start + encode_char(lower(code), bytes + start);
		if (len + bytes_len >= out_size)
			break;
		memcpy(out + len, bytes, bytes_len);
		len += bytes_len;
		gap = false;
	}
	out[len] = '\0';
}

void names_search_text(const char *text, struct search_text *out)
{
	const char *end;

	names_fold(text, out->text, sizeof(out->text));
	end = out->text;
	for (size_t i = 0; i < SEARCH_CHARS_MIN && *end != '\0'; i++)
		(void)next_char(&end);
	out->prefix_bytes =
		names_length(out->text) < SEARCH_CHARS_MIN ? 0 : (size_t)(end - out->text);
}

static void add_text(struct user_index *index, const char *text)
{
	struct search_text *place = &index->texts[index->texts_count];

	assert(index->texts_count < SEARCH_TEXTS_MAX);
	names_search_text(text, place);
	if (place->prefix_bytes == 0)
		return; /* no query is so short */
	for (size_t i = 0; i < index->texts_count; i++) {
		if (strcmp(index->texts[i].text, place->text) == 0)
			return;
	}
	index->texts_count++;
}

void names_index(const struct user *user, struct user_index *out)
{
	char full[2 * PERSON_NAME_BYTES_MAX + 2];

	*out = (struct user_index){0};
	names_fold(user->user_name, out->folded_name, sizeof(out->folded_name));
	add_text(out, user->user_name);
	/* "ada lovelace" is found by the first name, and by both. */
	if (mp_text_format(full, sizeof(full), "%s %s", user->first_name, user->last_name) == MP_OK)
		add_text(out, full);
	add_text(out, user->last_name);
}
