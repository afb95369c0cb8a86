import { describe, expect, it } from 'vitest';
import {
	currencyDigits,
	fromMinor,
	money,
	negated,
	parseAmount,
	signedMoney,
	toMinor,
} from './money';

describe('parseAmount', () => {
	it.each([
		['12.50', 'USD', '12.50'],
		['12,5', 'EUR', '12.50'],
		[' 7 ', 'USD', '7.00'],
		['.5', 'USD', '0.50'],
		['1,234.56', 'USD', '1234.56'],
		['1.234,56', 'EUR', '1234.56'],
		['1 234', 'USD', '1234.00'],
		['1,234', 'USD', '1234.00'],
		['007', 'USD', '7.00'],
		['500', 'JPY', '500'],
		['90071992547.99', 'USD', '90071992547.99'],
	])('reads %s %s as %s', (text, currency, amount) => {
		expect(parseAmount(text, currency)).toEqual({ amount });
	});

	it.each([
		['', 'USD'],
		['0', 'USD'],
		['0.00', 'USD'],
		['-5', 'USD'],
		['1.234', 'USD'],
		['1,23,4', 'USD'],
		['1e3', 'USD'],
		['12.5', 'JPY'],
		['ten', 'USD'],
		['9999999999999', 'USD'],
	])('refuses %j %s in a sentence', (text, currency) => {
		expect(parseAmount(text, currency)).toEqual({
			wrong: expect.stringMatching(/\.$/) as string,
		});
	});
});

describe('amounts', () => {
	it('are written exactly, however large', () => {
		expect(money('90071992547409931.25', 'USD')).toBe('$90,071,992,547,409,931.25');
		expect(money('12.50', 'USD')).toBe('$12.50');
		expect(money('500', 'JPY')).toBe('¥500');
	});

	it('show all the digits that the API writes, also where Intl has none', () => {
		expect(money('12.50', 'HUF').replace(/\s/, ' ')).toBe('Ft 12.50');
		expect(money('12', 'HUF').replace(/\s/, ' ')).toBe('Ft 12');
		expect(signedMoney('-0.05', 'IDR')).toContain('0.05');
		expect(money('5', 'USD')).toBe('$5.00');
	});

	it('have a sign where one is asked for, and zero has none', () => {
		expect(signedMoney('5.00', 'USD')).toBe('+$5.00');
		expect(signedMoney('-5.00', 'USD')).toBe('-$5.00');
		expect(signedMoney('0.00', 'USD')).toBe('$0.00');
	});

	it('go to minor units and back', () => {
		for (const [amount, currency] of [
			['0.01', 'USD'],
			['-30.00', 'EUR'],
			['1234567.89', 'USD'],
			['500', 'JPY'],
		] as const) {
			const digits = currencyDigits(currency);
			expect(fromMinor(toMinor(amount, digits), digits)).toBe(amount);
		}
	});

	it('are negated as texts', () => {
		expect([negated('5.00'), negated('-5.00'), negated('0.00')]).toEqual([
			'-5.00',
			'5.00',
			'0.00',
		]);
	});
});
