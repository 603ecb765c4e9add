/** One function of the app, as the admin API and the ready line list it. */
export interface FunctionSummary {
  readonly name: string;
  /** The binding type: `httpTrigger`, `timerTrigger`, `orchestrationTrigger`, … */
  readonly trigger: string;
  /** With the route prefix and a leading slash: `/api/items/{id}`. HTTP triggers only. */
  readonly route?: string;
  readonly methods?: readonly string[];
  readonly authLevel?: string;
  /** NCRONTAB with app settings inserted. Timer triggers only. */
  readonly schedule?: string;
}
