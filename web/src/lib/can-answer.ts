import { useEffect, useState } from 'react';

const ANSWER_MS_MIN = 500;

/** False at first: the second tap of a double tap is no answer to what the first one has asked. */
export function useCanAnswer() {
	const [can, setCan] = useState(false);
	useEffect(() => {
		const timer = setTimeout(() => setCan(true), ANSWER_MS_MIN);
		return () => clearTimeout(timer);
	}, []);
	return can;
}
