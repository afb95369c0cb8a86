/** Times as a person reads them, in the browser's own language and zone. */

const dayFormat = new Intl.DateTimeFormat(undefined, {
	weekday: 'long',
	day: 'numeric',
	month: 'long',
	year: 'numeric',
});
const shortDayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'medium' });
const monthFormat = new Intl.DateTimeFormat(undefined, {
	month: 'short',
	year: 'numeric',
	timeZone: 'UTC',
});

const startOfDay = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

const secondFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayTimeFormat = new Intl.DateTimeFormat(undefined, {
	dateStyle: 'medium',
	timeStyle: 'medium',
});

/** The time; with its day when that is not the day of `first`. */
export function timeSince(text: string, first: string) {
	const date = new Date(text);
	return startOfDay(date).getTime() === startOfDay(new Date(first)).getTime()
		? secondFormat.format(date)
		: dayTimeFormat.format(date);
}

/** "Today", "Yesterday", or the day. */
export function dayName(text: string, now = new Date()): string {
	const day = startOfDay(new Date(text));
	const days = Math.round((startOfDay(now).getTime() - day.getTime()) / 86_400_000);
	if (days === 0) return 'Today';
	if (days === 1) return 'Yesterday';
	return dayFormat.format(day);
}

export const timeOf = (text: string) => timeFormat.format(new Date(text));
export const fullTime = (text: string) => fullFormat.format(new Date(text));

/** "14:02" today, else "3 Nov". */
export function shortTime(text: string, now = new Date()): string {
	const date = new Date(text);
	return startOfDay(date).getTime() === startOfDay(now).getTime()
		? timeFormat.format(date)
		: shortDayFormat.format(date);
}

/** "2026-11" as "Nov 2026". */
export const monthName = (month: string) => monthFormat.format(new Date(`${month}-01T00:00:00Z`));

const shortMonthFormat = new Intl.DateTimeFormat(undefined, { month: 'short', timeZone: 'UTC' });

/** "2026-11" as "Nov", for an axis; January is where its year begins: "2027". */
export const shortMonthName = (month: string) =>
	month.endsWith('-01')
		? month.slice(0, 4)
		: shortMonthFormat.format(new Date(`${month}-01T00:00:00Z`));

/** Items by the day of their date, in their order. */
export function byDay<T>(items: readonly T[], dateOf: (item: T) => string, now = new Date()) {
	const days: { day: string; items: T[] }[] = [];
	for (const item of items) {
		const day = dayName(dateOf(item), now);
		const last = days.at(-1);
		if (last?.day === day) last.items.push(item);
		else days.push({ day, items: [item] });
	}
	return days;
}
