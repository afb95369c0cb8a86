// Stripe's library for Node, unchanged, against sandbox/stripe: client.mjs URL KEY STEP, JSON in and
// out. See client.py, which does the same.
import Stripe from 'stripe';
import { readFileSync } from 'node:fs';

const ORDER = {
	mode: 'payment',
	line_items: [
		{
			quantity: 1,
			price_data: {
				currency: 'usd',
				unit_amount: 13000,
				product_data: { name: 'Fixing the tap' },
			},
		},
	],
	success_url: 'https://shop.test/back?session={CHECKOUT_SESSION_ID}',
	cancel_url: 'https://shop.test/back',
	client_reference_id: 'order-7',
	metadata: { payment_id: 'p-1' },
};

function withAmount(unit_amount, currency = 'usd') {
	const item = ORDER.line_items[0];
	const price_data = { ...item.price_data, unit_amount, currency };
	return { ...ORDER, line_items: [{ ...item, price_data }] };
}

// The names that the Python library has for what this one calls by its `type`.
const NAMES = {
	StripeInvalidRequestError: 'InvalidRequestError',
	StripeAuthenticationError: 'AuthenticationError',
	StripeIdempotencyError: 'IdempotencyError',
};

async function refusal(call) {
	try {
		await call();
	} catch (error) {
		const name = NAMES[error.type] ?? error.type;
		return [name, error.statusCode, error.code ?? null, error.param ?? null];
	}
	return ['none'];
}

async function all(list) {
	const items = [];
	for await (const item of list) items.push(item);
	return items;
}

function connect(url, key) {
	const { hostname, port } = new URL(url);
	return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 });
}

async function open(api, url) {
	const { sessions } = api.checkout;
	const key = { idempotencyKey: 'order-7/1' };
	const first = await sessions.create(ORDER, key);
	const again = await sessions.create(ORDER, key);
	const yen = await sessions.create(withAmount(500, 'jpy'));
	const doomed = await sessions.create(ORDER);
	const expired = await sessions.expire(doomed.id);
	const stranger = connect(url, 'sk_test_' + 'b'.repeat(24));
	return {
		session: first.id,
		url: first.url,
		yen: yen.id,
		doomed: doomed.id,
		same: first.id === again.id,
		fields: [
			first.status,
			first.payment_status,
			first.amount_total,
			first.currency,
			first.client_reference_id,
			first.metadata.payment_id,
			first.livemode,
		],
		yen_total: yen.amount_total,
		expired: [expired.status, (await sessions.retrieve(doomed.id)).status],
		too_small: await refusal(() => sessions.create(withAmount(10))),
		unknown: await refusal(() => sessions.retrieve('cs_test_nothing')),
		expired_again: await refusal(() => sessions.expire(doomed.id)),
		other_body: await refusal(() => sessions.create(withAmount(14000), key)),
		other_key: await refusal(() => stranger.checkout.sessions.retrieve(first.id)),
	};
}

async function look(api, url, given) {
	const session = await api.checkout.sessions.retrieve(given.session);
	const intent = await api.paymentIntents.retrieve(session.payment_intent);
	const events = await all(api.events.list({ limit: 1 }));
	const completed = events.find(
		e => e.type === 'checkout.session.completed' && e.data.object.id === session.id
	);
	const intents = (await api.paymentIntents.list()).data.map(each => each.id);
	return {
		session: [session.status, session.payment_status],
		intent: [intent.status, intent.amount, intent.amount_received, intent.currency],
		intents: intents.length === 1 && intents[0] === intent.id,
		listed: (await all(api.checkout.sessions.list({ limit: 1 }))).map(each => each.id),
		event: [completed.object, (await api.events.retrieve(completed.id)).type],
		types: events.map(event => event.type).sort(),
	};
}

async function verify(api, url, given) {
	return given.deliveries.map(({ body, signature, secret }) => {
		try {
			return api.webhooks.constructEvent(body, signature, secret).type;
		} catch (error) {
			if (!(error instanceof Stripe.errors.StripeSignatureVerificationError)) throw error;
			return 'refused';
		}
	});
}

const [url, key, step] = process.argv.slice(2);
const given = JSON.parse(readFileSync(0, 'utf8'));
const steps = { open, look, verify };
console.log(JSON.stringify(await steps[step](connect(url, key), url, given)));
