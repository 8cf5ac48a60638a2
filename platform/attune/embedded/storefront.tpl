<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Harbour Tea &amp; Coffee</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 Georgia, "Noto Serif", serif; }
body { margin: 0; background: light-dark(#faf7f2, #191715); color: light-dark(#2b2622, #ece6df); }
header, main, footer { max-width: 960px; margin: 0 auto; padding: 20px; }
header { display: flex; justify-content: space-between; align-items: baseline; flex-wrap: wrap; gap: 12px; }
h1 { font-size: 24px; margin: 0; } .goods { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 18px; }
article { background: light-dark(#fff, #24211e); border-radius: 10px; padding: 16px; } article p { margin: 4px 0; } svg { width: 100%; height: 110px; border-radius: 6px; }
select, button { font: inherit; padding: 3px 8px; }
</style>
</head>
<body>
<header>
  <h1>Harbour Tea &amp; Coffee</h1>
  <form><label>Signed in as <select name="customer"><option value="">nobody</option>$people</select></label>
  <button>Go</button></form>
</header>
<main><div class="goods">$goods</div></main>
<footer><p>A demo shop. Its chat stands at the lower right.</p></footer>
<script async src="$attune/static/dist/widget.js" data-inbox="$key" data-identity="$identity"></script>
</body>
</html>
