#ifndef MP_USER_NAMES_H
#define MP_USER_NAMES_H

#include "base/rc.h"
#include "user_types.h"

/*
 * The rules of names and addresses. Each check gives NULL when the text is fine, or a sentence for
 * the person. Texts are UTF-8. Pure; threads: any.
 */
const char *user_name_fault(const char *text);
const char *person_name_fault(const char *text);
const char *email_fault(const char *text);
const char *password_fault(const char *text);

/* Code points in a UTF-8 text. */
size_t names_length(const char *text);

/*
 * Folds a text for comparing: lower case (Unicode's, whatever the locale), a run of white space as
 * one space, none at the ends. Cut at a character when out has no room for more.
 */
void names_fold(const char *text, char *out, size_t out_size);

/* Folds what is searched for, and finds its prefix. */
void names_search_text(const char *text, struct search_text *out);

/* Everything that a user is found by, from its names. */
void names_index(const struct user *user, struct user_index *out);

#endif
