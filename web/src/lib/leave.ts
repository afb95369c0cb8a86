/** Goes to a page that is not ours, such as the payment provider's. */
export const leaveFor = (url: string) => location.assign(url);

/** Gives a text to the person as a file. */
export function saveText(text: string, name: string, type: string) {
	const url = URL.createObjectURL(new Blob([text], { type }));
	const link = document.createElement('a');
	link.href = url;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
