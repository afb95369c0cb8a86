import { Button } from '@mantine/core';
import { useId } from 'react';
import { currencyDigits, currencySymbol, money } from '../lib/money';
import css from './parts.module.css';

/** The one big number of a form. The text is what was typed; parseAmount makes an amount of it. */
export function AmountField({
	currency,
	value,
	onChange,
	wrong,
	hint,
	presets,
	autoFocus = false,
}: {
	currency: string;
	value: string;
	onChange: (text: string) => void;
	wrong?: string | undefined;
	hint?: string | undefined;
	presets?: readonly string[];
	autoFocus?: boolean;
}) {
	const id = useId();
	const digits = currencyDigits(currency);
	return (
		<div>
			<div className={css.amountField} data-wrong={wrong ? true : undefined}>
				<label className={css.amountLabel} htmlFor={id}>
					Amount <span className="only-heard">in {currency}</span>
				</label>
				<div className={css.amountLine}>
					<span className={css.amountSymbol} aria-hidden="true">
						{currencySymbol(currency)}
					</span>
					<input
						id={id}
						className={css.amountInput}
						name="payment_amount"
						type="text"
						inputMode={digits === 0 ? 'numeric' : 'decimal'}
						autoComplete="off"
						maxLength={24}
						placeholder={digits === 0 ? '0' : `0.${'0'.repeat(digits)}`}
						value={value}
						onChange={event => onChange(event.target.value)}
						aria-invalid={wrong ? true : undefined}
						aria-describedby={`${id}-hint`}
						data-autofocus={autoFocus || undefined}
						autoFocus={autoFocus}
					/>
				</div>
				<div
					id={`${id}-hint`}
					className={`${css.amountHint} ${wrong ? css.amountWrong : ''}`}
					role={wrong ? 'alert' : undefined}
				>
					{wrong ?? hint}
				</div>
			</div>
			{presets && (
				<div
					className={css.presets}
					role="group"
					aria-label="Presets"
					style={{ marginTop: 10 }}
				>
					{presets.map(preset => (
						<Button
							key={preset}
							variant={value === preset ? 'light' : 'default'}
							aria-pressed={value === preset}
							px={4}
							onClick={() => onChange(preset)}
						>
							{money(preset, currency).replace(/[.,]00(?=\D*$)/, '')}
						</Button>
					))}
				</div>
			)}
		</div>
	);
}
