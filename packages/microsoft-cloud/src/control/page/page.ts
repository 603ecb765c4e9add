import { type CloudDocument, environmentOf } from '../../document.ts';
import type { Faults } from '../../faults/faults.ts';
import { faultSets } from '../../faults/sets.ts';
import type { Ledger } from '../../ledger.ts';
import { escapeHtml } from '../../web/http.ts';
import type { World } from '../../world.ts';
import { faultsPart } from './faults.ts';
import { table } from './html.ts';
import { requestsPart } from './requests.ts';
import { tenantsPart } from './tenants.ts';

interface PageParts {
  readonly document: CloudDocument;
  readonly world: World;
  readonly ledger: Ledger;
  readonly faults: Faults;
}

/** The page of the control endpoint: requests as they arrive, faults, tenants, accounts, addresses. It shows no secret. */
export const controlPage = ({ document, world, ledger, faults }: PageParts): string =>
  `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Simulated Microsoft cloud</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script></head><body id="page">
<header><h1>Simulated Microsoft cloud</h1><nav aria-label="Sections">${sections
    .map((name) => `<a href="#${name.toLowerCase()}">${name}</a>`)
    .join(' ')}</nav></header>
<main>
<p id="message" role="status"></p>
${section('Requests', `${requestTools}<div id="requests-part">${requestsPart(world, ledger, { search: '', only: '' })}</div>`)}
${section('Faults', `${faultTools()}<div id="faults-part">${faultsPart(faults.list(), world.settings)}</div>`)}
${section('Tenants', `<div class="tools"><label>Filter tenants <input type="search" id="tenant-search" autocomplete="off"></label></div><div id="tenants-part">${tenantsPart(world, '')}</div>`)}
${section('Accounts', accounts(document))}
${section('Addresses', addresses(document))}
</main></body></html>`;

const sections = ['Requests', 'Faults', 'Tenants', 'Accounts', 'Addresses'] as const;

const section = (name: (typeof sections)[number], body: string): string =>
  `<section id="${name.toLowerCase()}" aria-labelledby="${name.toLowerCase()}-title"><h2 id="${name.toLowerCase()}-title">${name}</h2>${body}</section>`;

const requestTools = `<div class="tools"><label>Filter requests <input type="search" id="search" autocomplete="off"></label>
<label>Show <select id="only"><option value="">all</option><option value="failed">failed</option><option value="unmatched">unmatched</option></select></label>
<button type="button" id="pause" aria-pressed="false">Pause</button><button type="button" id="empty">Empty the list</button></div>`;

const faultTools = (): string =>
  `<div class="tools"><label>Fault set <select id="fault-set">${Object.entries(faultSets)
    .filter(([name]) => name !== 'none')
    .map(([name, { description }]) => `<option value="${name}">${escapeHtml(`${name}: ${description}`)}</option>`)
    .join('')}</select></label><button type="button" id="add-set">Add the set</button></div>
<div class="tools"><label>AADSTS number <input id="aadsts" inputmode="numeric" size="8" autocomplete="off"></label><button type="button" id="add-aadsts">Add the refusal</button>
<button type="button" id="clear">Clear all faults</button></div>`;

const accounts = ({ accounts: known }: CloudDocument): string =>
  table(
    'Accounts of the partner',
    ['Account', 'Name', 'State', 'Roles of the API'],
    known.map(({ username, name, state, roles }) => [username, name, state, roles.join(', ')]),
  );

function addresses(document: CloudDocument): string {
  const { entra, graph, aadGraph, partnerCenter, exchange, arm, keyVault, control } = document;
  const services = Object.entries({ entra, graph, aadGraph, partnerCenter, exchange, arm, keyVault, control });
  const environment = Object.entries(environmentOf(document)).filter(([name]) => name !== 'IDENTITY_HEADER');
  return `${table('Addresses of the services', ['Service', 'Address'], services)}
<h3>Environment variables</h3><pre tabindex="0" aria-label="Environment variables">${escapeHtml(environment.map(([name, value]) => `${name}=${value}`).join('\n'))}</pre>
<p class="note">The command prints <code>IDENTITY_HEADER</code> as well.</p>`;
}
