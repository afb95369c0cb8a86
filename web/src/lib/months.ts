/** Months as the API has them: "2026-11", UTC. */

export const monthOf = (date: Date) => date.toISOString().slice(0, 7);

/** A month and those before it, newest first. */
export function lastMonths(month: string, count: number): string[] {
	const [year = 1970, number = 1] = month.split('-').map(Number);
	return Array.from({ length: count }, (_, i) =>
		monthOf(new Date(Date.UTC(year, number - 1 - i, 1))),
	);
}
