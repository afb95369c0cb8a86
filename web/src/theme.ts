import {
	createTheme,
	type ConvertCSSVariablesInput,
	type MantineColorsTuple,
	type MantineTheme,
} from '@mantine/core';

// The one accent: a calm green. Shade 7 carries white text (5.9:1); shade 3 carries dark text.
const pine: MantineColorsTuple = [
	'#e9f7f3',
	'#d3ece4',
	'#a5d9c9',
	'#74c5ad',
	'#4db495',
	'#35a986',
	'#20805f',
	'#0f6b52',
	'#0b5a45',
	'#064635',
];

const dark: MantineColorsTuple = [
	'#e8ecef',
	'#c3cad1',
	'#a3adb7',
	'#7a858f',
	'#4a545d',
	'#333c44',
	'#262e35',
	'#1a2026',
	'#12171c',
	'#0c1014',
];

export const theme = createTheme({
	primaryColor: 'pine',
	primaryShade: { light: 7, dark: 6 },
	colors: { pine, dark },
	fontFamily:
		"'Inter Variable', system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif",
	fontFamilyMonospace:
		"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
	defaultRadius: 'md',
	radius: { xs: '4px', sm: '8px', md: '12px', lg: '16px', xl: '24px' },
	headings: { fontWeight: '650', textWrap: 'balance' },
	cursorType: 'pointer',
	respectReducedMotion: true,
	components: {
		Button: {
			defaultProps: { size: 'md' },
			// Large ones are tall, but their words must fit on a small phone.
			vars: (_theme: unknown, props: { size?: unknown }) => ({
				root:
					props.size === 'lg'
						? { '--button-fz': '16px', '--button-padding-x': '16px' }
						: {},
			}),
		},
		TextInput: { defaultProps: { size: 'md' } },
		PasswordInput: { defaultProps: { size: 'md' } },
		NativeSelect: { defaultProps: { size: 'md' } },
	},
});

export const cssVariables = (all: MantineTheme): ConvertCSSVariablesInput => ({
	variables: {},
	light: {
		'--mantine-color-body': '#f5f7f6',
		'--mantine-color-text': '#16211d',
		'--mantine-color-dimmed': '#56635d',
		'--mantine-color-error': '#b42318',
		'--mantine-color-placeholder': '#6b7772',
		'--mantine-color-red-light-color': '#a3231a',
		'--page-card': '#ffffff',
		'--page-line': '#e1e7e4',
		'--page-good': '#0f6b52',
		'--page-good-soft': '#e1f3ec',
		'--page-wait': '#7a4b00',
		'--page-wait-soft': '#fdf1d8',
		'--page-bad': '#a3231a',
		'--page-bad-soft': '#fdeae8',
		'--page-plain': '#45514c',
		'--page-plain-soft': '#e9eeec',
		'--chart-in': '#20805f',
		'--chart-out': '#c9801a',
		'--chart-funded': '#3f7fc0',
		'--page-hero': '#0d5c47',
		'--page-hero-end': '#0a4a3d',
	},
	dark: {
		'--mantine-color-body': '#0f1417',
		'--mantine-color-text': '#e9eeec',
		'--mantine-color-dimmed': '#a2afa9',
		'--mantine-color-error': '#ff9a8f',
		'--mantine-color-placeholder': '#8b9892',
		'--mantine-color-anchor': all.colors.pine?.[3] ?? '',
		'--mantine-color-pine-light': '#14372d',
		'--mantine-color-pine-light-hover': '#1a4639',
		'--mantine-color-pine-light-color': '#a5d9c9',
		'--mantine-color-red-light': '#43201c',
		'--mantine-color-red-light-hover': '#542924',
		'--mantine-color-red-light-color': '#ffa79d',
		'--page-card': '#192024',
		'--page-line': '#2b353a',
		'--page-good': '#7fd6bb',
		'--page-good-soft': '#14372d',
		'--page-wait': '#f5c877',
		'--page-wait-soft': '#3a2d10',
		'--page-bad': '#ffa79d',
		'--page-bad-soft': '#43201c',
		'--page-plain': '#bcc7c2',
		'--page-plain-soft': '#273035',
		'--chart-in': '#4db495',
		'--chart-out': '#e0a04a',
		'--chart-funded': '#6ea6dc',
		'--page-hero': '#12493b',
		'--page-hero-end': '#0d352c',
	},
});
