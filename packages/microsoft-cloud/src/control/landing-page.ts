import { type CloudDocument, environmentOf } from '../document.ts';
import type { FaultState } from '../faults/faults.ts';
import { faultSets } from '../faults/sets.ts';
import { escapeHtml } from '../web/http.ts';
import { page } from '../web/page.ts';

const maxTenants = 200;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead><tr>${head.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table>`;

/** The page of the control endpoint: addresses, environment, accounts, tenants, faults. Shows no secret. */
export function landingPage(document: CloudDocument, faults: readonly FaultState[]): string {
  const { entra, graph, aadGraph, partnerCenter, exchange, arm, keyVault } = document;
  const addresses = Object.entries({
    entra,
    graph,
    aadGraph,
    partnerCenter,
    exchange,
    arm,
    keyVault,
    control: document.control,
  });
  const environment = Object.entries(environmentOf(document)).filter(([name]) => name !== 'IDENTITY_HEADER');
  const shown = document.tenants.slice(0, maxTenants);
  const broken = document.tenants.filter(({ state }) => state !== 'ok').length;
  return page(
    'Simulated Microsoft cloud',
    `<style>body{max-width:70rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid;overflow-wrap:anywhere}th,td:first-child{white-space:nowrap}pre{white-space:pre-wrap;overflow-wrap:anywhere}</style>
<h2>Addresses</h2>${table(['Service', 'Address'], addresses)}
<h2>Environment variables</h2><pre>${escapeHtml(environment.map(([name, value]) => `${name}=${value}`).join('\n'))}</pre>
<p>The command prints <code>IDENTITY_HEADER</code> as well.</p>
<h2>Accounts of the partner</h2>${table(
      ['Account', 'Name', 'State', 'Roles of the API'],
      document.accounts.map(({ username, name, state, roles }) => [username, name, state, roles.join(', ')]),
    )}
<h2>Active faults</h2>${
      faults.length === 0
        ? '<p>None.</p>'
        : table(
            ['Id', 'Rule', 'Matched', 'Applied'],
            faults.map(({ id, rule, matched, applied }) => [
              id,
              JSON.stringify(rule),
              String(matched),
              String(applied),
            ]),
          )
    }
<h2>Fault sets</h2>${table(
      ['Name', 'Effect'],
      Object.entries(faultSets).map(([name, { description }]) => [name, description]),
    )}
<h2>Customer tenants</h2><p>${document.tenants.length} tenants, ${broken} of them broken${shown.length < document.tenants.length ? `. The first ${maxTenants} are shown` : ''}.</p>
${table(
  ['Name', 'Domain', 'Tenant id', 'State', 'Trait'],
  shown.map(({ name, domain, tenantId, state, trait }) => [name, domain, tenantId, state, trait ?? '']),
)}`,
  );
}
