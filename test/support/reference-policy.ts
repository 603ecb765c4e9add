/**
 * A second, simple implementation of policy decisions, over the raw document. Tests compare the real decisions with it.
 * It shares no code with the real one.
 */
interface Document {
  tenantGroups?: Record<string, string[]>;
  rules: {
    name: string;
    callers: {
      applications: string[];
      objects?: string[];
      kinds?: string[];
      blueprints?: string[];
      roles?: string[];
    };
    tenants?: string[];
    except?: string[];
    resources?: string[];
    reads?: string[];
    scopes?: string[];
    grants?: string[];
    application?: string;
    excessScopes?: string;
  }[];
}

export interface Ask {
  application: string;
  object: string;
  kind: string;
  blueprint?: string | undefined;
  roles: string[];
  tenantId: string;
  domains: string[];
  /** As stored, such as `tier=gold`. Undefined: they cannot be read. */
  tags: string[] | undefined;
  /** Domains whose tenant is not known now. */
  unresolved: string[];
  resource: string;
  scopes: string[];
  grant: string;
  isPartnerTenant: boolean;
}

/** Returns `name|application|scopes|excess` of the allowing rule, or `denied|` and the missing part. */
export function referenceDecision(document: Document, ask: Ask): string {
  let candidates = document.rules.filter(({ tenants }) => tenants !== undefined);
  const keep = (missing: string, fits: (rule: Document['rules'][number]) => boolean): string | undefined => {
    candidates = candidates.filter(fits);
    return candidates.length === 0 ? `denied|${missing}` : undefined;
  };
  const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
  const denied =
    keep(
      'caller',
      ({ callers: { applications, blueprints } }) =>
        applications.some((id) => id === '*' || same(id, ask.application)) &&
        (blueprints === undefined ||
          (ask.kind === 'agent' &&
            (ask.blueprint === undefined || blueprints.some((id) => same(id, ask.blueprint ?? ''))))),
    ) ??
    keep('kind', ({ callers }) => callers.kinds === undefined || callers.kinds.includes(ask.kind)) ??
    keep(
      'object',
      ({ callers }) => callers.objects === undefined || callers.objects.some((id) => same(id, ask.object)),
    ) ??
    // For an agent, a rule has to say somewhere that it means this agent.
    keep('agent', ({ callers: { applications, blueprints, kinds } }) => {
      if (ask.kind !== 'agent') return true;
      if (blueprints !== undefined) return ask.blueprint !== undefined;
      return kinds?.includes('agent') === true || applications.some((id) => same(id, ask.application));
    }) ??
    keep('role', ({ callers }) => !(callers.roles ?? []).some((role) => !ask.roles.includes(role))) ??
    keep('grant', ({ grants }) => (grants === undefined ? ask.grant === 'delegated' : grants.includes(ask.grant))) ??
    keep('resource', ({ resources = [] }) => resources.includes('*') || resources.includes(ask.resource)) ??
    keep('tenant', ({ tenants = [], except = [] }) => {
      const wanted = expand(document, tenants);
      const taken = expand(document, except);
      if (ask.tags === undefined && [...wanted, ...taken].some((entry) => entry.startsWith('tag:'))) return false;
      if (taken.some((entry) => ask.unresolved.some((domain) => same(entry, domain)))) return false;
      return wanted.some((entry) => fits(entry, ask)) && !taken.some((entry) => fits(entry, ask));
    }) ??
    keep(
      'scope',
      ({ scopes }) => scopes === undefined || scopes[0] === '*' || ask.scopes.every((scope) => scopes.includes(scope)),
    );
  const [rule] = candidates;
  if (denied !== undefined || rule === undefined) return denied ?? 'denied|caller';
  const scopes = rule.scopes === undefined || rule.scopes[0] === '*' ? 'any' : rule.scopes.join(' ');
  return `${rule.name}|${rule.application ?? 'default'}|${scopes}|${rule.excessScopes ?? 'refuse'}`;
}

/** All entries of a list, with those of its groups and of the groups in them. */
function expand(document: Document, list: string[]): string[] {
  const entries: string[] = [];
  for (const entry of list) {
    if (entry.startsWith('group:')) entries.push(...expand(document, document.tenantGroups?.[entry.slice(6)] ?? []));
    else entries.push(entry);
  }
  return entries;
}

function fits(entry: string, { tenantId, domains, tags, isPartnerTenant }: Ask): boolean {
  if (entry === '*') return !isPartnerTenant;
  const written = entry.toLowerCase();
  if (!written.startsWith('tag:')) return [tenantId, ...domains].some((name) => name.toLowerCase() === written);
  return (tags ?? []).some((tag) => `tag:${tag}` === written || `tag:${tag.split('=')[0]}` === written);
}
