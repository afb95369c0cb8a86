import { useSearchParams } from 'react-router';

/**
 * A filter kept in the address: one of the choices, or the first of them when the address says
 * something else. Choosing the first takes it out of the address.
 */
export function useChoice<const Choice extends string>(
	name: string,
	choices: readonly [Choice, ...Choice[]],
): [Choice, (choice: string) => void] {
	const [search, setSearch] = useSearchParams();
	const text = search.get(name);
	const chosen = choices.find(choice => choice === text) ?? choices[0];
	const choose = (choice: string) =>
		setSearch(
			before => {
				const after = new URLSearchParams(before);
				if (choice === choices[0]) after.delete(name);
				else after.set(name, choice);
				return after;
			},
			{ replace: true },
		);
	return [chosen, choose];
}
