/** Line icons, 24 x 24, in the colour of the text around them; always beside words. */

const PATHS = {
	home: 'M4 11l8-7 8 7M6 9.5V20h12V9.5M10 20v-6h4v6',
	activity: 'M4 7h16M4 12h16M4 17h10',
	pay: 'M4 12L20 4l-5 16-3.5-6.5zM11.5 13.5L20 4',
	plus: 'M12 5v14M5 12h14',
	bills: 'M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6',
	reports: 'M4 20h16M7 16v-5M12 16V6M17 16v-8',
	me: 'M12 12a4 4 0 100-8 4 4 0 000 8zM4.5 20.5c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5',
	eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 100-6 3 3 0 000 6z',
	eyeOff: 'M4 4l16 16M9.5 5.8A10 10 0 0112 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 01-2.6 3.4M6.3 7.6A17 17 0 002.5 12S6 18.5 12 18.5a9.600 9.600 0 005-1.400M10 10a3 3 0 004.200 4.200',
	arrowDown: 'M12 5v14M6 13l6 6 6-6',
	arrowUp: 'M12 19V5M6 11l6-6 6 6',
	check: 'M5 12.500l4.500 4.500L19 7',
	clock: 'M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3.500 2',
	cross: 'M6 6l12 12M18 6L6 18',
	alert: 'M12 3.500L2.500 20h19zM12 10v4.500M12 17.300v.2',
	copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
	printer: 'M7 9V4h10v5M7 17H4v-8h16v8h-3M7 14h10v6H7z',
	chevron: 'M9 5l7 7-7 7',
	back: 'M15 5l-7 7 7 7',
	search: 'M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l5 5',
	offline:
		'M3 3l18 18M5 12.500a10 10 0 014-2.500M12 8.500c3 0 5.500 1.500 7.500 3.500M8.500 16a5 5 0 017 0M12 20v.1M2 9a15 15 0 014-2.600M10 5.100A15 15 0 0122 9',
	card: 'M3 6h18v12H3zM3 10h18M7 15h3',
	download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
	signOut: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
	mail: 'M3 6h18v12H3zM3 7l9 6 9-6',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 22 }: { name: IconName; size?: number }) {
	return (
		<svg
			width={size}
			height={size}
			viewBox="0 0 24 24"
			fill="none"
			stroke="currentColor"
			strokeWidth={1.8}
			strokeLinecap="round"
			strokeLinejoin="round"
			aria-hidden="true"
			focusable="false"
		>
			<path d={PATHS[name]} />
		</svg>
	);
}
