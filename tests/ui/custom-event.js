/** What every web view has, and node only from version 19 on. */
globalThis.CustomEvent ??= class CustomEvent extends Event {
  constructor(type, { detail, ...options } = {}) {
    super(type, options);
    this.detail = detail;
  }
};
