import { expect, it } from 'vitest';
import { byDay, dayName, monthName, shortMonthName, shortTime } from './dates';
import { lastMonths } from './months';

const now = new Date(2026, 10, 23, 15, 0);
const at = (day: number, hour = 12) => new Date(2026, 10, day, hour).toISOString();

it('days are named as people name them', () => {
	expect(dayName(at(23, 0), now)).toBe('Today');
	expect(dayName(at(22, 23), now)).toBe('Yesterday');
	expect(dayName(at(20), now)).toBe('Friday, November 20, 2026');
	expect(shortTime(at(23, 14), now)).toMatch(/2:00\sPM/);
	expect(shortTime(at(20), now)).toBe('Nov 20');
});

it('items keep their order, grouped by day', () => {
	const days = byDay([at(23, 14), at(23, 9), at(22)], text => text, now);
	expect(days.map(({ day, items }) => [day, items.length])).toEqual([
		['Today', 2],
		['Yesterday', 1],
	]);
});

it('months are UTC months, and go back over the year', () => {
	expect(lastMonths('2026-02', 4)).toEqual(['2026-02', '2026-01', '2025-12', '2025-11']);
	expect(monthName('2026-11')).toBe('Nov 2026');
	expect(['2026-12', '2027-01', '2027-02'].map(shortMonthName)).toEqual(['Dec', '2027', 'Feb']);
});
