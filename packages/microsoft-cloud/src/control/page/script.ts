/** How often the page asks for new requests, milliseconds. */
const pollMs = 1000;

/** The script of the control page. The server writes the markup; the script fetches it and sends what buttons do. */
export const pageScript = `'use strict';
const at = (id) => document.getElementById(id);
let isPaused = false;

async function call(method, path, body) {
  const response = await fetch(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  if (response.ok) return text;
  let reason = text;
  try { reason = JSON.parse(text).error; } catch {}
  throw new Error(reason);
}

const shown = {};
// Replaces a part only when it has changed, and gives the focus back to the button that had it.
async function refresh(part, query) {
  const target = at(part + '-part');
  const text = await call('GET', '/parts/' + part + '?' + new URLSearchParams(query));
  if (shown[part] === text) return;
  shown[part] = text;
  const focused = target.contains(document.activeElement) ? document.activeElement.id : '';
  target.innerHTML = text;
  if (focused !== '') at(focused)?.focus();
}

const requests = () => refresh('requests', { search: at('search').value, only: at('only').value });
const faults = () => refresh('faults', {});
const tenants = () => refresh('tenants', { search: at('tenant-search').value });

function say(text) { if (at('message').textContent !== text) at('message').textContent = text; }

async function act(work, done) {
  try {
    await work();
    await faults();
    say(done);
  } catch (error) {
    say(error instanceof TypeError ? 'The simulated cloud does not answer.' : error.message);
  }
}

async function poll() {
  if (!isPaused && !document.hidden) {
    try {
      await Promise.all([requests(), faults()]);
      if (at('message').textContent.startsWith('The simulated cloud does not answer')) say('');
    } catch {
      say('The simulated cloud does not answer. Has it stopped?');
    }
  }
  setTimeout(poll, ${pollMs});
}

at('search').addEventListener('input', requests);
at('only').addEventListener('change', requests);
at('tenant-search').addEventListener('input', tenants);
at('pause').addEventListener('click', () => {
  isPaused = !isPaused;
  at('pause').setAttribute('aria-pressed', String(isPaused));
});
at('empty').addEventListener('click', () => act(() => call('DELETE', '/ledger').then(requests), 'The list is empty.'));
const addSet = (set) => act(() => call('POST', '/faults', { set }), 'Added ' + set + '.');
at('add-set').addEventListener('click', () => addSet(at('fault-set').value));
at('add-aadsts').addEventListener('click', () => addSet('aadsts-' + at('aadsts').value.trim()));
at('clear').addEventListener('click', () => act(() => call('DELETE', '/faults'), 'All faults are cleared.'));
at('faults-part').addEventListener('click', ({ target }) => {
  const id = target.dataset.remove;
  if (id === undefined) return;
  act(() => call('DELETE', '/faults/' + id), 'Removed ' + id + '.').then(() => at('clear').focus());
});
setTimeout(poll, ${pollMs});
`;
