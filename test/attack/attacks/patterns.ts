import { type Attack, control, type Tally } from '../attack.ts';
import type { Stage } from '../stage.ts';
import { attacker } from '../forge.ts';
import { latencyText } from '../measure.ts';

/** Beginnings of secrets and tokens, each of which made a search slow or would. Repeated to the size of the text. */
const units = [
  'eyJ',
  'eyJaaaaaaaaaaa.',
  'eyJaaaaaaaaaaa.aaaaaaaaaaa',
  '0.AAAA',
  '-----BEGIN PRIVATE KEY-----',
  'A',
  'a-',
  'a.',
  'client_secret=',
  'refresh_token',
  '\\"',
  '"',
  ' ',
  '\n',
  'é',
  '\u001b[',
  '<',
  'AADSTS',
  'Bearer ',
  'f',
];
const fields = [
  'error_description',
  'trace_id',
  'suberror',
  'correlation_id',
  'error',
  'claims',
  'error_uri',
  'timestamp',
];
/** Nearly the largest reply that the app reads from Entra, and one that it does not read. */
const sizes = [240_000, 1_000_000];
/** A quadratic search over 240 KB takes ten seconds and more. */
const longestMs = 8_000;

const errorReply = (field: string, text: string): string =>
  JSON.stringify({ error: 'invalid_grant', error_description: 'AADSTS50020: x', error_codes: [50020], [field]: text });

export const patterns: Attack = {
  name: 'patterns',
  tries:
    'error replies of Entra of up to 1 MB that are the worst input for the search for secrets, while others ask for health',
  promise: 'One caller does not stop another.',
  run: async (stage, { full, random }, tally) => {
    const { app, forge, cloud, tenants, left } = stage;
    const texts = units.flatMap((unit) => fields.map((field) => ({ unit, field })));
    const chosen = full ? texts : texts.filter(() => random() < 0.12);
    const answers = [];
    const firstLine = left.lines.length;
    let asked = 0;
    for (const size of sizes) {
      for (const { unit, field } of chosen) {
        const { tenantId = '' } = tenants[asked % tenants.length] ?? {};
        asked += 1;
        // A failed request is remembered for its key, so each one is new.
        const resource = ['graph', 'exchange', 'arm', 'partner-center'][Math.floor(asked / tenants.length) % 4];
        const body = errorReply(field, unit.repeat(Math.ceil(size / unit.length)).slice(0, size));
        const fault = cloud.faults.add({ service: 'entra', tenantId, path: '/token$', status: 400, body });
        const order = {
          tenant: tenantId,
          resource,
          grant: 'application',
          minimumLifetimeSeconds: 3_000 + (asked % 500),
        };
        const failing = app.ask({
          method: 'POST',
          path: '/api/tokens',
          body: order,
          headers: { authorization: forge.bearer({ application: attacker }) },
        });
        const health = await app.ask({ path: '/api/health' });
        const { status, text, ms } = await failing;
        cloud.faults.clear(fault);
        answers.push(health);
        const name = `${size} bytes of ${JSON.stringify(unit)} in ${field}`;
        tally.attempt(
          status > 0 && status !== 500 && status !== 200 && ms < longestMs,
          `${name}: ${status} after ${Math.round(ms)} ms`,
        );
        tally.attempt(
          health.status > 0 && health.ms < longestMs,
          `${name}: health ${health.status} after ${Math.round(health.ms)} ms`,
        );
        tally.attempt(text.length < 5_000, `${name}: the caller is told ${text.length} characters of it`);
      }
    }
    control(asked > 0, 'no text was chosen');
    await tryPropertyNames(stage, tally);
    const longest = Math.max(0, ...left.lines.slice(firstLine).map(({ length }) => length));
    tally.attempt(longest < 20_000, `a line of the log has ${longest} characters`);
    tally.note(`health meanwhile: ${latencyText(answers)}; longest line of the log: ${longest} characters`);
  },
};

/** Values that are keys of every object. */
async function tryPropertyNames({ app, forge, cloud, tenants }: Stage, tally: Tally): Promise<void> {
  for (const [nth, name] of ['constructor', '__proto__', 'toString', 'hasOwnProperty'].entries()) {
    const { tenantId = '' } = tenants[nth] ?? {};
    const body = JSON.stringify({ error: name, suberror: name, error_description: name });
    const fault = cloud.faults.add({ service: 'entra', tenantId, path: '/token$', status: 400, body });
    const order = { tenant: tenantId, resource: 'aad-graph', grant: 'application' };
    const { status, code } = await app.ask({
      method: 'POST',
      path: '/api/tokens',
      body: order,
      headers: { authorization: forge.bearer() },
    });
    cloud.faults.clear(fault);
    tally.attempt(status >= 400 && status !== 500 && code !== undefined, `an error called ${name}: ${status} ${code}`);
  }
}
