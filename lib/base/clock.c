#include "base/clock.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define MS_PER_DAY 86400000
#define TIME_MS_MIN (-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define TIME_MS_MAX 253402300799999   /* 9999-12-31T23:59:59.999Z */

struct date {
	int year;
	int month; /* 1..12 */
	int day;   /* 1..31 */
};

static struct timespec clock_read(clockid_t clock)
{
	struct timespec now = {0};
	int failed = clock_gettime(clock, &now);

	assert(failed == 0); /* both clocks always exist */
	return now;
}

int64_t mp_clock_ms(void)
{
	struct timespec now = clock_read(CLOCK_REALTIME);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t mp_clock_mono_us(void)
{
	struct timespec now = clock_read(CLOCK_MONOTONIC);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t mp_clock_mono_ms(void)
{
	return mp_clock_mono_us() / 1000;
}

void mp_sleep_ms(int64_t duration_ms)
{
	struct timespec left = {
		.tv_sec = duration_ms / 1000, .tv_nsec = (duration_ms % 1000) * 1000000};

	assert(duration_ms >= 0);
	while (nanosleep(&left, &left) != 0)
		continue;
}

/*
 * Days since 1970-01-01 to a date of the proleptic Gregorian calendar and back. Years begin in
 * March here, so that the leap day is the last of its year; an era is 400 years, 146097 days.
 */
static struct date date_of_days(int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int day_of_era = (int)(shifted - era * 146097);
	int year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month_from_march = (5 * day_of_year + 2) / 153;
	int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

	return (struct date){
		.year = (int)(era * 400) + year_of_era + (month <= 2 ? 1 : 0),
		.month = month,
		.day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
	};
}

static int64_t days_of_date(struct date date)
{
	int64_t year = date.month <= 2 ? date.year - 1 : date.year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
	int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static int64_t floor_days(int64_t time_ms)
{
	return (time_ms >= 0 ? time_ms : time_ms - (MS_PER_DAY - 1)) / MS_PER_DAY;
}

static int64_t clamp(int64_t time_ms)
{
	if (time_ms < TIME_MS_MIN)
		return TIME_MS_MIN;
	return time_ms > TIME_MS_MAX ? TIME_MS_MAX : time_ms;
}

static char *put_digits(char *out, int number, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		out[i] = (char)('0' + number % 10);
		number /= 10;
	}
	return out + digits;
}

void mp_time_format(int64_t time_ms, char out_text[MP_TIME_TEXT_SIZE])
{
	time_ms = clamp(time_ms);
	int64_t days = floor_days(time_ms);
	int ms_of_day = (int)(time_ms - days * MS_PER_DAY);
	struct date date = date_of_days(days);
	char *at = out_text;

	at = put_digits(at, date.year, 4);
	*at++ = '-';
	at = put_digits(at, date.month, 2);
	*at++ = '-';
	at = put_digits(at, date.day, 2);
	*at++ = 'T';
	at = put_digits(at, ms_of_day / 3600000, 2);
	*at++ = ':';
	at = put_digits(at, ms_of_day / 60000 % 60, 2);
	*at++ = ':';
	at = put_digits(at, ms_of_day / 1000 % 60, 2);
	*at++ = '.';
	at = put_digits(at, ms_of_day % 1000, 3);
	*at++ = 'Z';
	*at = '\0';
	assert(at == out_text + MP_TIME_TEXT_SIZE - 1);
}

/* Reads exactly so many digits within 0..max and moves *at behind them. */
static bool take_digits(const char **at, int digits, int max, int *out_number)
{
	int number = 0;

	for (int i = 0; i < digits; i++) {
		char c = (*at)[i];
		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (c - '0');
	}
	if (number > max)
		return false;
	*at += digits;
	*out_number = number;
	return true;
}

static bool take_char(const char **at, char upper, char lower)
{
	if (**at != upper && **at != lower)
		return false;
	(*at)++;
	return true;
}

/* ".5", ".123456": milliseconds, what is finer is dropped. Nothing there reads 0. */
static bool take_fraction_ms(const char **at, int *out_ms)
{
	int ms = 0;
	int unit = 100;

	if (**at != '.') {
		*out_ms = 0;
		return true;
	}
	(*at)++;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		ms += (**at - '0') * unit;
		unit /= 10;
	}
	*out_ms = ms;
	return true;
}

/* "Z", "+02:00" */
static bool take_offset_minutes(const char **at, int *out_minutes)
{
	int sign = **at == '-' ? -1 : 1;
	int hours;
	int minutes;

	if (take_char(at, 'Z', 'z')) {
		*out_minutes = 0;
		return true;
	}
	if (!take_char(at, '+', '-') || !take_digits(at, 2, 23, &hours) ||
		!take_char(at, ':', ':') || !take_digits(at, 2, 59, &minutes))
		return false;
	*out_minutes = sign * (hours * 60 + minutes);
	return true;
}

static bool take_date(const char **at, struct date *out_date)
{
	static const int days_of_month[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct date date;

	if (!take_digits(at, 4, 9999, &date.year) || !take_char(at, '-', '-') ||
		!take_digits(at, 2, 12, &date.month) || !take_char(at, '-', '-') ||
		!take_digits(at, 2, 31, &date.day))
		return false;

	bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
	if (date.month < 1 || date.day < 1 || date.day > days_of_month[date.month - 1] ||
		(date.month == 2 && date.day == 29 && !leap))
		return false;
	*out_date = date;
	return true;
}

enum mp_rc mp_time_parse(const char *text, int64_t *out_time_ms)
{
	const char *at = text;
	struct date date;
	int hour;
	int minute;
	int second;
	int ms;
	int offset_minutes;

	if (text == NULL || !take_date(&at, &date) || !take_char(&at, 'T', 't') ||
		!take_digits(&at, 2, 23, &hour) || !take_char(&at, ':', ':') ||
		!take_digits(&at, 2, 59, &minute) || !take_char(&at, ':', ':') ||
		!take_digits(&at, 2, 60, &second) || !take_fraction_ms(&at, &ms) ||
		!take_offset_minutes(&at, &offset_minutes) || *at != '\0')
		return MP_INVALID;

	int64_t seconds =
		days_of_date(date) * 86400 + hour * 3600 + (minute - offset_minutes) * 60 + second;
	if (second == 60 && seconds % 86400 != 0)
		return MP_INVALID; /* a leap second ends a UTC day; it reads as the next start */
	int64_t time_ms = seconds * 1000 + ms;
	if (time_ms != clamp(time_ms))
		return MP_INVALID; /* its offset carries it out of the four-digit years */
	*out_time_ms = time_ms;
	return MP_OK;
}

int mp_time_month(int64_t time_ms)
{
	struct date date = date_of_days(floor_days(clamp(time_ms)));
	return date.year * 100 + date.month;
}
