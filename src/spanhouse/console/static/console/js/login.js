// A person's browser follows a login link by itself; programs that only fetch the page do not use it up.
document.querySelector("form[data-submit]")?.requestSubmit();
