/** Says something to screen readers, by the live region that the layout has. */

let said = '';
const listeners = new Set<() => void>();

export function announce(text: string) {
	said = text;
	for (const listener of listeners) listener();
}

export const announced = () => said;

export function onAnnounce(listener: () => void) {
	listeners.add(listener);
	return () => void listeners.delete(listener);
}
