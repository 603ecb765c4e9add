/** An error in Partner Center's format. Source: "Partner Center REST error codes". */
export class PartnerCenterError extends Error {
  override readonly name = 'PartnerCenterError';
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, description: string) {
    super(description);
    this.status = status;
    this.code = code;
  }
}
