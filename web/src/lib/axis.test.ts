import { expect, it } from 'vitest';
import { axisTicks } from './axis';

it('an axis has round marks that reach over the highest figure', () => {
	expect(axisTicks(250)).toEqual([0, 50, 100, 150, 200, 250]);
	expect(axisTicks(260)).toEqual([0, 100, 200, 300]);
	expect(axisTicks(64.5)).toEqual([0, 20, 40, 60, 80]);
	expect(axisTicks(9)).toEqual([0, 2, 4, 6, 8, 10]);
	expect(axisTicks(1_000_000)).toHaveLength(6);
	expect(axisTicks(0)).toEqual([0]);
});
