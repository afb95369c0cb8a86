/** Money as the API has it: decimal strings beside a currency. Never a float. */

const digitsByCurrency = new Map<string, number>();

/** Digits after the point: 2 for USD, 0 for JPY. */
export function currencyDigits(currency: string): number {
	let digits = digitsByCurrency.get(currency);
	if (digits === undefined) {
		digits =
			new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions()
				.maximumFractionDigits ?? 2;
		digitsByCurrency.set(currency, digits);
	}
	return digits;
}

const formats = new Map<string, Intl.NumberFormat>();

/**
 * Where the API writes more digits than Intl has for the currency, as for HUF, all are shown: an
 * amount is never rounded.
 */
function format(currency: string, sign: 'always' | 'auto', amount = '') {
	const digits = Math.max(currencyDigits(currency), amount.split('.')[1]?.length ?? 0);
	const key = `${currency} ${sign} ${digits}`;
	let found = formats.get(key);
	if (found === undefined) {
		found = new Intl.NumberFormat(undefined, {
			style: 'currency',
			currency,
			currencyDisplay: 'narrowSymbol',
			signDisplay: sign === 'always' ? 'exceptZero' : 'auto',
			minimumFractionDigits: digits,
			maximumFractionDigits: digits,
		});
		formats.set(key, found);
	}
	return found;
}

/** "12.50" and "USD" as a person writes it: $12.50. Exact: Intl takes the digits themselves. */
export const money = (amount: string, currency: string) =>
	format(currency, 'auto', amount).format(amount as Intl.StringNumericLiteral);

/** The same with + or −. */
export const signedMoney = (amount: string, currency: string) =>
	format(currency, 'always', amount).format(amount as Intl.StringNumericLiteral);

export function currencySymbol(currency: string) {
	const parts = format(currency, 'auto').formatToParts(0);
	return parts.find(part => part.type === 'currency')?.value ?? currency;
}

/** Minor units: "12.50" with 2 digits is 1250n. The text must be a decimal of the API's form. */
export function toMinor(amount: string, digits: number): bigint {
	const [, sign = '', whole = '0', rest = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount) ?? [];
	return BigInt(sign + whole + rest.padEnd(digits, '0').slice(0, digits));
}

export function fromMinor(minor: bigint, digits: number): string {
	const text = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, '0');
	const whole = text.slice(0, text.length - digits);
	return (minor < 0n ? '-' : '') + (digits === 0 ? whole : `${whole}.${text.slice(-digits)}`);
}

export const negated = (amount: string) =>
	/^-?0*(\.0*)?$/.test(amount) ? amount : amount.startsWith('-') ? amount.slice(1) : `-${amount}`;

export type ParsedAmount = { amount: string } | { wrong: string };

function separators(text: string): string | null {
	const compact = text.replace(/[\s\u00a0\u202f'’]/g, '');
	if (/^\d{1,3}(,\d{3})+(\.\d*)?$/.test(compact)) return compact.replaceAll(',', '');
	if (/^\d{1,3}(\.\d{3})+,\d*$/.test(compact))
		return compact.replaceAll('.', '').replace(',', '.');
	if (/^\d+([.,]\d*)?$/.test(compact) || /^[.,]\d+$/.test(compact))
		return compact.replace(',', '.');
	return null;
}

/** What a person typed, as the API's decimal. Both 12.50 and 12,50 are understood. */
export function parseAmount(text: string, currency: string): ParsedAmount {
	const digits = currencyDigits(currency);
	if (text.trim() === '') return { wrong: 'Enter an amount.' };
	const plain = separators(text);
	if (plain === null) return { wrong: 'Enter the amount in digits, such as 25 or 12.50.' };
	const [whole = '', rest = ''] = plain.split('.');
	if (rest.length > digits)
		return {
			wrong:
				digits === 0
					? `${currency} has no digits after the point: enter a whole amount.`
					: `${currency} has ${digits} digits after the point: enter no more than that.`,
		};
	if (whole.replace(/^0+/, '').length > 12) return { wrong: 'This amount is too large.' };
	const minor = toMinor(`${whole === '' ? '0' : whole}.${rest}`.replace(/\.$/, ''), digits);
	if (minor === 0n) return { wrong: 'Enter an amount over zero.' };
	return { amount: fromMinor(minor, digits) };
}
