import * as z from 'zod';
import { Secret } from '../core/secret.ts';
import { webhookForms } from '../notices/webhook-forms.ts';

/** The settings of notices. lib/notices checks their values, so that a wrong one disables only notices. */
export const notificationSettings = {
  NOTIFICATION_WEBHOOK: z
    .string()
    .transform((address) => new Secret(address))
    .optional()
    .meta({
      description:
        'Address of an incoming webhook (Teams workflow, Slack) that receives [notices](notices.md). Anybody who knows the address can post to it, so use a Key Vault reference.',
    }),
  NOTIFICATION_FORM: z
    .enum(webhookForms)
    .optional()
    .meta({ description: 'Message format of the webhook: teams or slack. If absent, its address decides.' }),
  NOTIFICATION_SIGNED_WEBHOOK: z
    .string()
    .transform((address) => new Secret(address))
    .optional()
    .meta({
      description:
        'Https address of a program that receives notices as signed CloudEvents: [notices.md](notices.md). Needs NOTIFICATION_SIGNING_SECRET.',
    }),
  NOTIFICATION_SIGNING_SECRET: z
    .string()
    .transform((secrets) => new Secret(secrets))
    .optional()
    .meta({
      description:
        'Secret that signs these notices: `whsec_` and the base64 of 24 to 64 random bytes. During a rotation two, separated by a space. Use a Key Vault reference.',
    }),
  NOTIFICATION_FILTER: z.string().optional().meta({
    description:
      'Which notices are sent, such as `severity=warning; webhook kind=run.*,credential.changed tenants=tag:gold`: [notices.md](notices.md#filters). If absent, all.',
  }),
};
