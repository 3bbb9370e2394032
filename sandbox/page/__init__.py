"""The sandbox in the browser: one page with a small Slack, a MetaStudio and the real bot between them.

main.py      `dh-bot sandbox`: starts everything, prints the address, ends everything
server.py    HTTP and WebSocket on loopback; accepts only this page's Host and Origin
window.py    one open browser window: what it shows, and what a person does in it
scene.py     the people, the channels, the jobs and the bot's process
troubles.py  faults on purpose
traffic.py   the raw requests of both sides, without their secrets
waiting.py   what takes time at the moment
ledger.py    the bot's audit trail, through its own command line
static/      the page itself: plain HTML, CSS and JavaScript
"""
