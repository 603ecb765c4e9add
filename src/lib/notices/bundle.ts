import type { Notice, TenantNoticeKind } from './notice.ts';
import { cut } from './notice-content.ts';
import type { Delivery } from './outbox.ts';
import { quoted } from './quoted.ts';
import { tenantTitles } from './tenant-titles.ts';

/** Up to this many notices of one kind are a message each. */
export const fewNotices = 5;
/** Most notices in one message. All of them are claimed before it is sent, which must not take long. */
const mostNotices = 500;
const mostNames = 10;
const mostTexts = 3;

const isTenantKind = (kind: string): kind is TenantNoticeKind => Object.hasOwn(tenantTitles, kind);

/** Puts deliveries together whose notices may become one message, each where its first one is. */
export function groupsOf(deliveries: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const open = new Map<string, Delivery[]>();
  const groups: Delivery[][] = [];
  for (const delivery of deliveries) {
    const group = open.get(delivery.kind);
    if (group !== undefined && group.length < mostNotices) group.push(delivery);
    else {
      const begun = [delivery];
      groups.push(begun);
      if (isTenantKind(delivery.kind)) open.set(delivery.kind, begun);
    }
  }
  return groups;
}

/**
 * One message about several notices of one kind: how many tenants, the names of the first ones, and where to see all.
 * @param notices clean ones, at least one.
 */
export function bundleOf(notices: readonly Notice[], dashboardUrl: string | undefined): Notice {
  const [first] = notices;
  if (first === undefined || notices.length === 1 || !isTenantKind(first.kind))
    throw new Error('A message has several notices about tenants.');
  const { kind, severity } = first;
  const names = new Map(notices.map(({ tenantId, tenantName }) => [tenantId, tenantName ?? tenantId ?? '']));
  const shown = [...names.values()].slice(0, mostNames).map((name) => quoted(cut(name, 60)));
  const rest = names.size > mostNames ? ` and ${names.size - mostNames} more` : '';
  const repeated = names.size === notices.length ? '' : `, ${notices.length} times`;
  const texts = [...Map.groupBy(notices, ({ text }) => text)];
  const ofEvents = kind.slice('tenant.'.length);
  const list = `\`ptb tenants events --kind ${ofEvents}\` lists them.`;
  return {
    kind,
    key: '',
    severity,
    atMs: Math.max(...notices.map(({ atMs }) => atMs)),
    title: `${names.size} tenants: ${tenantTitles[kind]}${repeated}`,
    text: texts.length === 1 ? `${first.text} ${list}` : list,
    facts: [
      { name: 'Tenants', value: `${shown.join(', ')}${rest}` },
      // Advice that names the tenant differs each time.
      ...(texts.length === 1 || texts.length > mostTexts
        ? []
        : texts.map(([text, alike]) => ({ name: `${alike.length} of them`, value: text }))),
    ],
    ...(dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/events?kind=${ofEvents}` }),
  };
}
