/** Where an axis from nothing to `most` is marked: round steps (1, 2 or 5 of a power of ten), at most five. */
export function axisTicks(most: number): number[] {
	if (most <= 0) return [0];
	const least = most / 5;
	const power = 10 ** Math.floor(Math.log10(least));
	const step = power * ([1, 2, 5].find(round => round * power >= least) ?? 10);
	const count = Math.ceil(most / step);
	return Array.from({ length: count + 1 }, (_, i) => i * step);
}
