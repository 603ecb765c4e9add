import type { Command } from 'commander';

/** One example for the help of each command that people type. A test parses them. */
const examples: Readonly<Record<string, string>> = {
  demo: 'ptb demo --tenants 100',
  local: 'ptb local --tenants 100',
  host: 'ptb host --app .',
  login: 'ptb login --url https://NAME.azurewebsites.net',
  logout: 'ptb logout',
  tenants: 'ptb tenants --unreachable',
  'tenants list': 'ptb tenants list --tenant group:gold --except tag:trial',
  'tenants show': 'ptb tenants show Contoso',
  'tenants tag': 'ptb tenants tag contoso.com --add managed threshold=30',
  'tenants groups': 'ptb tenants groups',
  'tenants events': 'ptb tenants events --kind lost --since 30d',
  'tenants consent': 'ptb tenants consent --tenant Contoso --wait',
  report: 'ptb report Contoso --html contoso.html',
  token: 'ptb token --tenant Contoso --resource exchange',
  request: "ptb request Contoso GET '/users?$select=displayName' --all-pages",
  query: 'ptb query /users --select displayName,accountEnabled --tenant group:gold',
  exec: 'ptb exec --tenant group:gold -- ./assess --tenant {tenantId}',
  mcp: 'ptb mcp',
  jobs: 'ptb jobs',
  'jobs list': 'ptb jobs list --json',
  'jobs show': 'ptb jobs show licence-report',
  'jobs history': 'ptb jobs history licence-report --tenant Contoso --column free --since 30d',
  'jobs new': 'ptb jobs new old-passwords',
  'jobs try': 'ptb jobs try old-passwords --tenant "Alder Accountants" --parameter days=30',
  run: 'ptb run licence-report --tenant group:gold --wait',
  runs: 'ptb runs --job licence-report',
  'runs list': 'ptb runs list --limit 50',
  'runs show': 'ptb runs show --latest --tenant Contoso',
  'runs watch': 'ptb runs watch',
  'runs export': 'ptb runs export licence-report --latest --format csv --output licences.csv',
  'runs diff': 'ptb runs diff licence-report --latest',
  'runs rerun': 'ptb runs rerun --latest',
  'runs cancel': 'ptb runs cancel --latest',
  approvals: 'ptb approvals --status pending',
  'approvals list': 'ptb approvals list --mine',
  'approvals show': 'ptb approvals show 20261124t050000-7f3a9c21',
  'approvals approve': 'ptb approvals approve 20261124t050000-7f3a9c21 --reason "Agreed by phone."',
  'approvals deny': 'ptb approvals deny 20261124t050000-7f3a9c21 --reason "No ticket for this."',
  'approvals revoke': 'ptb approvals revoke 20261124t050000-7f3a9c21 --reason "No longer needed."',
  audit: 'ptb audit --tenant Contoso --outcome denied --from 7d',
  'audit export': 'ptb audit export --from 30d --output audit.jsonl',
  'audit verify': 'ptb audit verify audit.jsonl',
  setup: 'ptb setup --permissions gdap',
  'setup api': 'ptb setup api --az-login --name partner-token-broker-prod',
  consent: 'ptb consent --account broker@partner.onmicrosoft.com',
  verify: 'ptb verify --url https://NAME.azurewebsites.net --tenant Contoso',
  rotate: 'ptb rotate',
  doctor: 'ptb doctor --customer Contoso',
  revoke: 'ptb revoke --dry-run',
  policy: 'ptb policy check',
  'policy check': 'ptb policy check access-policy.json',
  'policy test':
    'ptb policy test --caller aaaaaaaa-0000-4000-8000-000000000001 --tenant contoso.com --request "GET /users"',
  'policy schema': 'ptb policy schema',
  permissions: 'ptb permissions',
  'permissions show': "ptb permissions show GET '/users?$expand=manager'",
  'permissions update': 'ptb permissions update',
  'permissions rollback': 'ptb permissions rollback',
};

/** Ends the help of each command with its example. */
export function addExamples(command: Command, path = ''): void {
  for (const child of command.commands) {
    const own = `${path} ${child.name()}`.trim();
    if (examples[own] !== undefined) child.addHelpText('after', `\nExample:\n  ${examples[own]}`);
    addExamples(child, own);
  }
}
