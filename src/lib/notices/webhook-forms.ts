/** The products whose incoming webhooks are supported. Their bodies differ. */
export const webhookForms = ['teams', 'slack'] as const;
export type WebhookForm = (typeof webhookForms)[number];
