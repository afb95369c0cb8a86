#include "email_db.h"

#include "base/text.h"

#define FORMAT_CONTACT 1
#define FORMAT_MAIL 2 /* 1: without what SMTP needs */
#define FORMAT_POINTER 1
#define CLAIM_OPS 3 /* log row, pointer, due row */

static struct mp_item *contact_item(struct mp_arena *arena, const struct email_contact *contact)
{
	struct mp_item *item =
		mp_item_new(arena, mp_arena_printf(arena, "CONTACT#%s", contact->user_id.text),
			"CONTACT", FORMAT_CONTACT);
	struct mp_map *attrs = mp_item_attrs(item);

	mp_map_set_id(attrs, "user_id", &contact->user_id);
	mp_map_set_int(attrs, "user_version", contact->version);
	mp_map_set_text(attrs, "first_name", contact->first_name);
	mp_map_set_text(attrs, "last_name", contact->last_name);
	mp_map_set_text(attrs, "address", contact->address);
	return item;
}

static enum mp_rc contact_read(const struct mp_item *item, struct email_contact *out)
{
	struct mp_item_reader r;
	struct email_contact contact = {0};

	mp_item_read_begin(&r, item, FORMAT_CONTACT);
	mp_item_read_id(&r, "user_id", &contact.user_id);
	mp_item_read_int(&r, "user_version", &contact.version);
	mp_item_read_copy(&r, "first_name", contact.first_name, sizeof(contact.first_name));
	mp_item_read_copy(&r, "last_name", contact.last_name, sizeof(contact.last_name));
	mp_item_read_copy(&r, "address", contact.address, sizeof(contact.address));
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out = contact;
	return rc;
}

static enum mp_rc contact_get(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, struct mp_item **out_item)
{
	const char *pk = mp_arena_printf(arena, "CONTACT#%s", user_id->text);

	return pk == NULL ? MP_NOMEM : mp_store_get(store, pk, "CONTACT", arena, out_item);
}

enum mp_rc email_db_contact(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, struct email_contact *out)
{
	struct mp_item *item;
	enum mp_rc rc = contact_get(store, arena, user_id, &item);

	return rc == MP_OK ? contact_read(item, out) : rc;
}

/* One try; MP_EXISTS and MP_STALE: somebody else wrote meanwhile, read again. */
static enum mp_rc contact_put_once(
	struct mp_store *store, struct mp_arena *arena, const struct email_contact *contact)
{
	struct mp_item *item;
	struct email_contact known;
	struct mp_txn txn;
	enum mp_rc rc = contact_get(store, arena, &contact->user_id, &item);

	mp_txn_begin(&txn, store, arena);
	if (rc == MP_NOT_FOUND) {
		mp_txn_insert(&txn, contact_item(arena, contact));
		return mp_txn_commit(&txn, NULL);
	}
	if (rc == MP_OK)
		rc = contact_read(item, &known);
	if (rc != MP_OK || known.version >= contact->version)
		return rc;
	mp_txn_replace(&txn, contact_item(arena, contact), item->version);
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc email_db_contact_put(
	struct mp_store *store, struct mp_arena *arena, const struct email_contact *contact)
{
	enum mp_rc rc;

	do {
		rc = contact_put_once(store, arena, contact);
	} while (rc == MP_EXISTS || rc == MP_STALE);
	return rc;
}

static struct mp_item *mail_item(struct mp_arena *arena, const struct email_mail *mail)
{
	const struct email_notice *notice = &mail->notice;
	struct mp_item *item = mp_item_new(
		arena, mp_arena_printf(arena, "MAIL#%s", mail->id.text), "MAIL", FORMAT_MAIL);
	struct mp_map *attrs = mp_item_attrs(item);

	mp_map_set_id(attrs, "id", &mail->id);
	mp_map_set_text(attrs, "template", email_template_name(notice->template));
	mp_map_set_text(attrs, "state", email_state_name(mail->state));
	mp_map_set_int(attrs, "attempts", mail->attempts);
	mp_map_set_int(attrs, "created_ms", mail->created_ms);
	mp_map_set_int(attrs, "changed_ms", mail->changed_ms);
	mp_map_set_text(attrs, "address", mail->address);
	mp_map_set_int(attrs, "first_try_ms", mail->first_try_ms);
	mp_map_set_int(attrs, "unanswered", mail->unanswered);
	mp_map_set_int(attrs, "hold_until_ms", mail->hold_until_ms);
	mp_map_set_text(attrs, "answer", mail->answer);
	mp_map_set_id(attrs, "recipient", &notice->recipient);
	mp_map_set_text(attrs, "event", notice->event);
	mp_map_set_id(attrs, "event_id", &notice->event_id);
	mp_map_set_int(attrs, "event_time_ms", notice->event_time_ms);
	mp_map_set_id(attrs, "payment_id", &notice->payment_id);
	mp_map_set_id(attrs, "other", &notice->other);
	mp_map_set_text(attrs, "amount", notice->amount);
	mp_map_set_text(attrs, "currency", notice->currency);
	mp_map_set_text(attrs, "balance", notice->balance);
	mp_map_set_text(attrs, "shortfall", notice->shortfall);
	mp_map_set_text(attrs, "invoice_no", notice->invoice_no);
	mp_map_set_text(attrs, "description", notice->description);
	mp_map_set_text(attrs, "reason", notice->reason);
	mp_map_set_text(attrs, "trace", notice->traceparent);
	return item;
}

static void notice_read(struct mp_item_reader *r, struct email_notice *notice)
{
	mp_item_read_id(r, "recipient", &notice->recipient);
	mp_item_read_copy(r, "event", notice->event, sizeof(notice->event));
	mp_item_read_id(r, "event_id", &notice->event_id);
	mp_item_read_int(r, "event_time_ms", &notice->event_time_ms);
	mp_item_read_id_or(r, "payment_id", &notice->payment_id);
	mp_item_read_id_or(r, "other", &notice->other);
	mp_item_read_copy(r, "amount", notice->amount, sizeof(notice->amount));
	mp_item_read_copy(r, "currency", notice->currency, sizeof(notice->currency));
	mp_item_read_copy(r, "balance", notice->balance, sizeof(notice->balance));
	mp_item_read_copy(r, "shortfall", notice->shortfall, sizeof(notice->shortfall));
	mp_item_read_copy(r, "invoice_no", notice->invoice_no, sizeof(notice->invoice_no));
	mp_item_read_copy(r, "description", notice->description, sizeof(notice->description));
	mp_item_read_copy(r, "reason", notice->reason, sizeof(notice->reason));
	mp_item_read_copy_or(r, "trace", notice->traceparent, sizeof(notice->traceparent));
}

static enum mp_rc mail_read(const struct mp_item *item, struct email_mail *out)
{
	struct mp_item_reader r;
	const char *template = "";
	const char *state = "";
	struct email_mail mail = {.version = item->version};

	mp_item_read_begin(&r, item, FORMAT_MAIL);
	mp_item_read_id(&r, "id", &mail.id);
	mp_item_read_text(&r, "template", &template);
	mp_item_read_text(&r, "state", &state);
	mp_item_read_int(&r, "attempts", &mail.attempts);
	mp_item_read_int(&r, "created_ms", &mail.created_ms);
	mp_item_read_int(&r, "changed_ms", &mail.changed_ms);
	mp_item_read_copy(&r, "address", mail.address, sizeof(mail.address));
	mp_item_read_int_or(&r, "first_try_ms", &mail.first_try_ms);
	mp_item_read_int_or(&r, "unanswered", &mail.unanswered);
	mp_item_read_int_or(&r, "hold_until_ms", &mail.hold_until_ms);
	mp_item_read_copy_or(&r, "answer", mail.answer, sizeof(mail.answer));
	notice_read(&r, &mail.notice);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	if (!email_template_parse(template, &mail.notice.template) ||
		!email_state_parse(state, &mail.state))
		return MP_CORRUPT;
	*out = mail;
	return MP_OK;
}

static struct mp_item *pointer_item(struct mp_arena *arena, const struct email_mail *mail)
{
	struct mp_item *item =
		mp_item_new(arena, mp_arena_printf(arena, "USER#%s", mail->notice.recipient.text),
			mp_arena_printf(arena, "MAIL#%013lld#%s",
				(long long)mail->notice.event_time_ms, mail->id.text),
			FORMAT_POINTER);

	mp_map_set_id(mp_item_attrs(item), "mail_id", &mail->id);
	return item;
}

size_t email_db_claim_max(const struct mp_store *store)
{
	return mp_store_txn_ops_max(store) / CLAIM_OPS;
}

enum mp_rc email_db_claim(struct mp_store *store, struct mp_arena *arena, struct mp_due *due,
	const struct email_mail *mails, size_t count)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	for (size_t i = 0; i < count; i++) {
		mp_txn_insert(&txn, mail_item(arena, &mails[i]));
		mp_txn_insert(&txn, pointer_item(arena, &mails[i]));
		mp_due_add(due, &txn, &mails[i].id, mails[i].created_ms);
	}
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc email_db_mail(struct mp_store *store, struct mp_arena *arena, const struct mp_id *id,
	struct email_mail *out)
{
	struct mp_item *item;
	const char *pk = mp_arena_printf(arena, "MAIL#%s", id->text);
	enum mp_rc rc = pk == NULL ? MP_NOMEM : mp_store_get(store, pk, "MAIL", arena, &item);

	return rc == MP_OK ? mail_read(item, out) : rc;
}

enum mp_rc email_db_mail_replace(
	struct mp_store *store, struct mp_arena *arena, struct email_mail *mail)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	mp_txn_replace(&txn, mail_item(arena, mail), mail->version);
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	if (rc == MP_OK)
		mail->version++;
	return rc;
}

/* The mails that a page of pointers names. */
static enum mp_rc mails_of(struct mp_store *store, struct mp_arena *arena,
	const struct mp_page *pointers, struct email_page *out_page)
{
	struct mp_key *keys = mp_arena_array(arena, pointers->count, sizeof(*keys));
	struct mp_item **items = mp_arena_array(arena, pointers->count, sizeof(*items));
	struct email_mail *mails = mp_arena_array(arena, pointers->count, sizeof(*mails));
	enum mp_rc rc = MP_OK;

	if (keys == NULL || items == NULL || mails == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < pointers->count && rc == MP_OK; i++) {
		struct mp_item_reader r;
		struct mp_id id = {0};

		mp_item_read_begin(&r, pointers->items[i], FORMAT_POINTER);
		mp_item_read_id(&r, "mail_id", &id);
		rc = mp_item_read_end(&r);
		keys[i] = (struct mp_key){mp_arena_printf(arena, "MAIL#%s", id.text), "MAIL"};
		if (rc == MP_OK && keys[i].pk == NULL)
			rc = MP_NOMEM;
	}
	if (rc == MP_OK)
		rc = mp_store_batch_get(store, keys, pointers->count, arena, items);
	for (size_t i = 0; i < pointers->count && rc == MP_OK; i++)
		rc = items[i] == NULL ? MP_CORRUPT : mail_read(items[i], &mails[i]);
	if (rc != MP_OK)
		return rc;
	out_page->mails = mails;
	out_page->count = pointers->count;
	out_page->after = pointers->more ? pointers->last_sk : NULL;
	return MP_OK;
}

static enum mp_rc list(struct mp_store *store, struct mp_arena *arena, const struct mp_query *query,
	struct email_page *out_page)
{
	struct mp_page pointers;

	if (query->pk == NULL || query->sk_min == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_query(store, query, arena, &pointers);
	if (rc != MP_OK)
		return rc;
	if (pointers.count == 0) {
		*out_page = (struct email_page){0};
		return MP_OK;
	}
	return mails_of(store, arena, &pointers, out_page);
}

enum mp_rc email_db_list(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, const char *after, size_t limit, struct email_page *out_page)
{
	const struct mp_query query = {
		.pk = mp_arena_printf(arena, "USER#%s", user_id->text),
		.sk_min = "MAIL#",
		.sk_max = "MAIL#~",
		.after = after,
		.descending = true,
		.limit = limit,
	};

	return list(store, arena, &query, out_page);
}

enum mp_rc email_db_list_since(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, int64_t since_ms, const char *after, size_t limit,
	struct email_page *out_page)
{
	const struct mp_query query = {
		.pk = mp_arena_printf(arena, "USER#%s", user_id->text),
		.sk_min = mp_arena_printf(
			arena, "MAIL#%013lld", (long long)(since_ms > 0 ? since_ms : 0)),
		.sk_max = "MAIL#~",
		.after = after,
		.limit = limit,
	};

	return list(store, arena, &query, out_page);
}
