import { useEffect, useRef, useState, type ChangeEvent } from 'react';
import { fieldSentence, type Problem } from '../api/problem';

/** A form's texts and what is wrong with them, under the API's own field names. */
export function useFields<Name extends string>(
	initial: Record<Name, string>,
	labels: Record<Name, string>,
) {
	const [values, setValues] = useState(initial);
	const [wrong, setWrong] = useState<Partial<Record<Name, string>>>({});
	const form = useRef<HTMLFormElement>(null);

	// The first wrong field gets the focus, so that its sentence is heard and seen.
	useEffect(() => {
		if (Object.keys(wrong).length > 0)
			form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
	}, [wrong]);

	const names = Object.keys(labels) as Name[];
	return {
		form,
		values,
		setValues,
		field: (name: Name) => ({
			name,
			label: labels[name],
			value: values[name],
			error: wrong[name],
			onChange: (event: ChangeEvent<HTMLInputElement>) => {
				const { value } = event.target;
				setValues(before => ({ ...before, [name]: value }));
				if (wrong[name] !== undefined)
					setWrong(({ [name]: _gone, ...rest }) => rest as Partial<Record<Name, string>>);
			},
		}),
		/** Tells what is wrong; true when nothing is. */
		refuse: (found: Partial<Record<Name, string>>) => {
			setWrong(found);
			return Object.keys(found).length === 0;
		},
		/** Takes from a problem what is about these fields; true when there was any. */
		refuseBy: (problem: Problem) => {
			const found: Partial<Record<Name, string>> = {};
			for (const name of names) {
				const sentence = fieldSentence(labels[name], problem.fields[name]);
				if (sentence !== undefined) found[name] = sentence;
			}
			setWrong(found);
			return Object.keys(found).length > 0;
		},
	};
}
