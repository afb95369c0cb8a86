import { Button, Loader, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { fullName, peopleQuery, useMe, type Person } from '../api/queries';
import css from '../screens/pay.module.css';
import { Icon } from './icons';
import { Trouble } from './parts';

const QUERY_CHARS_MIN = 3;

const initials = (person: Person) =>
	[person.first_name, person.last_name].map(name => [...name][0]?.toUpperCase() ?? '').join('');

function Who({ person }: { person: Person }) {
	return (
		<>
			<span className={css.initials} aria-hidden="true">
				{initials(person)}
			</span>
			<span className={css.who}>
				<strong className="one-line">{fullName(person)}</strong>
				<span className="one-line">{person.user_name}</span>
			</span>
		</>
	);
}

function Found({ query, onChoose }: { query: string; onChoose: (person: Person) => void }) {
	const me = useMe();
	const found = useQuery(peopleQuery(query));
	if ([...query].length < QUERY_CHARS_MIN)
		return (
			<Text c="dimmed" size="sm" mt={8}>
				Type at least {QUERY_CHARS_MIN} letters of a name or user name.
			</Text>
		);
	if (found.isError) return <Trouble error={found.error} onRetry={() => void found.refetch()} />;
	if (found.isPending) return <Loader size="sm" mt={12} aria-label="Searching" />;
	const people = found.data.filter(person => person.id !== me.id);
	if (people.length === 0)
		return (
			<Text mt={8} role="status">
				Nobody’s name begins with “{query}”. Ask for the user name, and type its first
				letters.
			</Text>
		);
	return (
		<ul className={css.people} aria-label="People found">
			{people.map(person => (
				<li key={person.id}>
					<button type="button" className={css.person} onClick={() => onChoose(person)}>
						<Who person={person} />
						<Icon name="chevron" size={18} />
					</button>
				</li>
			))}
		</ul>
	);
}

/** Whom to pay: searched by name, then chosen. */
export function PersonField({
	person,
	onChange,
	wrong,
}: {
	person: Person | null;
	onChange: (person: Person | null) => void;
	wrong?: string | undefined;
}) {
	const [text, setText] = useState('');
	const [query] = useDebouncedValue(text.trim(), 250);
	if (person !== null)
		return (
			<div>
				<Text fw={550} mb={4}>
					To
				</Text>
				<div className={`${css.person} ${css.chosen}`}>
					<Who person={person} />
					<Button size="compact-sm" variant="subtle" onClick={() => onChange(null)}>
						Change
					</Button>
				</div>
			</div>
		);
	return (
		<div>
			<TextInput
				label="To"
				type="search"
				name="person"
				placeholder="Name or user name"
				leftSection={<Icon name="search" size={20} />}
				value={text}
				onChange={event => setText(event.target.value)}
				autoComplete="off"
				autoCapitalize="none"
				spellCheck={false}
				maxLength={64}
				error={wrong}
			/>
			<Found query={query} onChoose={onChange} />
		</div>
	);
}
