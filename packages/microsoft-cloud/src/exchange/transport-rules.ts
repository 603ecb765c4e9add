import { dayMs } from '../clock.ts';
import type { Row } from '../graph/declaration.ts';
import { idOf, perTenant, randomOf } from '../population/graph/facts.ts';
import { type Cmdlet, type CmdletContext, configurationCmdlet } from './cmdlet.ts';
import { wrongValue } from './exchange-error.ts';
import { exchangeTime } from './format.ts';
import { findRow } from './select-rows.ts';

interface RulePlan {
  readonly name: string;
  readonly share: number;
  readonly content: Row;
}

const plans: readonly RulePlan[] = [
  {
    name: 'Mark mail from outside',
    share: 0.6,
    content: {
      FromScope: 'NotInOrganization',
      PrependSubject: '[External] ',
      Conditions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.FromScopePredicate'],
      Actions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.PrependSubjectAction'],
    },
  },
  {
    name: 'Block forwarding to outside',
    share: 0.4,
    content: {
      FromScope: 'InOrganization',
      MessageTypeMatches: 'AutoForward',
      RejectMessageReasonText: 'Forwarding to outside is not allowed.',
      SentToScope: 'NotInOrganization',
      Conditions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.MessageTypeMatchesPredicate'],
      Actions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.RejectMessageAction'],
    },
  },
  {
    name: 'Invoices to the accountant',
    share: 0.15,
    content: {
      SubjectContainsWords: ['invoice'],
      RedirectMessageTo: ['accounts@supplier.example'],
      Conditions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.SubjectContainsPredicate'],
      Actions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.RedirectMessageAction'],
    },
  },
  {
    name: 'Copies for the archive',
    share: 0.1,
    content: {
      BlindCopyTo: ['archive@supplier.example', 'journal@mail.example'],
      Conditions: [],
      Actions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.BlindCopyToAction'],
    },
  },
  {
    name: 'Mail of the scanner is not spam',
    share: 0.3,
    content: {
      SenderIpRanges: ['198.51.100.20'],
      SetSCL: '-1',
      Conditions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.SenderIpRangesPredicate'],
      Actions: ['Microsoft.Exchange.MessagingPolicies.Rules.Tasks.SetSclAction'],
    },
  },
];

/** The mail flow rules of a tenant, from the seed. */
const seededRules = perTenant((facts): readonly Row[] =>
  facts.hasExchange
    ? plans
        .filter(({ name, share }) => randomOf(facts, 'transport rule', name)() < share)
        .map(({ name, content }, at) => {
          const guid = idOf(facts, 'transport rule', name);
          return {
            Identity: name,
            Name: name,
            Guid: guid,
            ImmutableId: guid,
            Priority: at,
            State: randomOf(facts, 'transport rule state', name)() < 0.9 ? 'Enabled' : 'Disabled',
            Mode: 'Enforce',
            Comments: '',
            Description: name,
            Exceptions: [],
            FromScope: null,
            SentToScope: null,
            MessageTypeMatches: null,
            AddToRecipients: null,
            BlindCopyTo: null,
            CopyTo: null,
            RedirectMessageTo: null,
            RuleErrorAction: 'Ignore',
            SenderAddressLocation: 'Header',
            StopRuleProcessing: false,
            WhenChanged: exchangeTime(facts.startMs - 120 * dayMs),
            ...content,
          };
        })
    : [],
);

/** `Get-TransportRule`, in the order of priority. */
function transportRules({ facts, changes }: CmdletContext): readonly Row[] {
  const rows = seededRules(facts).map((row) => ({ ...row, ...changes.of('rule', String(row['Guid'])) }));
  return rows.toSorted((left, right) => Number((left as Row)['Priority']) - Number((right as Row)['Priority']));
}

const modes = ['Enforce', 'Audit', 'AuditAndNotify'] as const;

/** `Set-TransportRule`: name, comments and mode. Conditions and actions cannot be changed here. */
function setRule(context: CmdletContext): readonly Row[] {
  const { parameters } = context;
  const rule = ruleOf(context);
  const mode = parameters.text('Mode');
  const known = modes.find((each) => each.toLowerCase() === mode?.toLowerCase());
  if (mode !== undefined && known === undefined)
    throw wrongValue('Mode', mode, 'Microsoft.Exchange.Transport.RuleMode');
  const name = parameters.text('Name');
  changeRule(context, rule, {
    ...(known === undefined ? {} : { Mode: known }),
    ...(name === undefined ? {} : { Name: name, Identity: name }),
    ...(parameters.has('Comments') ? { Comments: parameters.text('Comments') ?? '' } : {}),
  });
  return [];
}

const ruleOf = (context: CmdletContext): Row =>
  findRow(transportRules(context), context.parameters.required('Identity'), ['Identity', 'Name', 'Guid']);

function changeRule({ facts, changes }: CmdletContext, rule: Row, properties: Row): void {
  changes.change('rule', String(rule['Guid']), { ...properties, WhenChanged: exchangeTime(facts.startMs) });
}

const setState =
  (state: 'Enabled' | 'Disabled') =>
  (context: CmdletContext): readonly Row[] => {
    changeRule(context, ruleOf(context), { State: state });
    return [];
  };

export const transportRuleCmdlets: readonly Cmdlet[] = [
  configurationCmdlet('Get-TransportRule', transportRules, ['State', 'ExcludeConditionActionDetails']),
  {
    kind: 'write',
    name: 'Set-TransportRule',
    parameters: ['Identity', 'Name', 'Comments', 'Mode'],
    run: setRule,
  },
  { kind: 'write', name: 'Enable-TransportRule', parameters: ['Identity', 'Mode'], run: setState('Enabled') },
  { kind: 'write', name: 'Disable-TransportRule', parameters: ['Identity'], run: setState('Disabled') },
];
