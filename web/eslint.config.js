import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

export default ts.config(
	{ ignores: ['dist', 'public/docs', 'src/api/generated', 'test-results'] },
	js.configs.recommended,
	ts.configs.recommendedTypeChecked,
	{
		languageOptions: {
			parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
		},
	},
	{
		files: ['src/**/*.{ts,tsx}'],
		plugins: { 'react-hooks': hooks },
		rules: {
			'react-hooks/rules-of-hooks': 'error',
			'react-hooks/exhaustive-deps': 'error',
			'@typescript-eslint/no-misused-promises': [
				'error',
				{ checksVoidReturn: { attributes: false } },
			],
			'no-restricted-globals': [
				'error',
				{ name: 'parseFloat', message: 'Money is never a float: see src/lib/money.ts.' },
			],
		},
	},
	{
		rules: {
			'@typescript-eslint/no-unused-vars': [
				'error',
				{ ignoreRestSiblings: true, varsIgnorePattern: '^_' },
			],
			'@typescript-eslint/no-unsafe-enum-comparison': 'off',
			'no-empty-pattern': ['error', { allowObjectPatternsAsParameters: true }],
		},
	},
	{
		files: ['**/*.{js,mjs}'],
		...ts.configs.disableTypeChecked,
		languageOptions: {
			parserOptions: { projectService: false },
			globals: { URL: 'readonly', console: 'readonly', process: 'readonly' },
		},
	},
);
