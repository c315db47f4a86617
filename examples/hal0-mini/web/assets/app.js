'use strict';
// Keeps a page as new as its box. Without this script the page is what it was when
// it was loaded, and nothing else is missing.
(() => {
  let stream = null; // of events, while somebody can see the page
  let wanted = null; // the timer of the next renewal
  let renewing = false;
  let again = false; // something happened while the page was renewed

  const say = (text) => { document.getElementById('said').textContent = text; };

  // load fetches the page anew. Without a server there is none: the stream says when
  // it is back.
  const load = async () => {
    try {
      const answer = await fetch(location.href, { cache: 'no-cache' });
      if (!(answer.headers.get('Content-Type') || '').startsWith('text/html')) return null;
      return new DOMParser().parseFromString(await answer.text(), 'text/html');
    } catch {
      return null;
    }
  };

  // renew puts the content of the page as it is now in place of the old one.
  const renew = async () => {
    wanted = null;
    if (renewing) {
      again = true;
      return;
    }
    renewing = true;
    const page = await load();
    renewing = false;
    if (page) replace(page);
    if (again) {
      again = false;
      renewSoon();
    }
  };

  const renewSoon = () => {
    clearTimeout(wanted);
    wanted = setTimeout(renew, 60);
  };

  // replace puts in what a newer page says. What somebody opened stays open, and
  // the focus stays where it is.
  const replace = (page) => {
    const old = document.querySelector('main');
    const next = document.importNode(page.querySelector('main'), true);
    for (const one of old.querySelectorAll('details[id]')) {
      const same = next.querySelector('#' + CSS.escape(one.id));
      if (same) same.open = one.open;
    }
    document.title = page.title;
    document.body.dataset.view = page.body.dataset.view;
    if (old.isEqualNode(next)) return;
    const focus = placeOf(document.activeElement, old);
    old.replaceWith(next);
    if (focus) next.querySelector(focus)?.focus({ preventScroll: true });
  };

  // placeOf is a selector for what has the focus.
  const placeOf = (element, within) => {
    if (!element || !within.contains(element)) return '';
    if (element.id) return '#' + CSS.escape(element.id);
    if (element.matches('summary')) return '#' + CSS.escape(element.parentElement.id) + ' > summary';
    const url = element.getAttribute('href');
    return url ? 'a[href="' + CSS.escape(url) + '"]' : '';
  };

  // show puts the state of a slot where the page tells it.
  const show = (status) => {
    const all = (what) => document.querySelectorAll('[data-' + what + '-of="' + CSS.escape(status.slot) + '"]');
    for (const reason of all('reason')) reason.textContent = status.reason || '';
    for (const drift of all('drift')) drift.hidden = !status.drift;
    const lamps = all('state');
    for (const lamp of lamps) {
      if (lamp.textContent !== status.state) say(status.slot + ' is ' + status.state);
      lamp.textContent = status.state;
      lamp.className = 'state state-' + status.state;
    }
    const about = document.body.dataset.slot === status.slot; // and tells more of it
    const added = lamps.length === 0 && location.pathname === document.body.dataset.base + '/slots';
    const gone = !status.container; // and with it what has no file
    // A page that is on its way may be older than this.
    if (renewing || about || added || gone || document.getElementById('unknown')) renewSoon();
  };

  const listen = () => {
    stream = new EventSource(document.body.dataset.base + '/api/events');
    stream.addEventListener('hello', (e) => {
      if (String(JSON.parse(e.data).view) !== document.body.dataset.view) renewSoon();
    });
    stream.addEventListener('state', (e) => show(JSON.parse(e.data)));
    stream.addEventListener('file', renewSoon);
    stream.addEventListener('runtime', renewSoon);
    stream.addEventListener('error', () => {
      if (stream?.readyState !== EventSource.CLOSED) return; // the browser asks again
      stream = null;
      setTimeout(attend, 3000);
    });
  };

  // A page that nobody sees holds no connection: browsers have few for one server.
  const attend = () => {
    if (document.visibilityState === 'visible') {
      if (!stream) listen();
    } else {
      stream?.close();
      stream = null;
    }
  };
  addEventListener('pagehide', () => { stream?.close(); stream = null; });
  addEventListener('pageshow', attend);
  document.addEventListener('visibilitychange', attend);
})();
