"""A page with the ratios of one or more measurements: a chart for each kind of row, and all numbers. Needs gnuplot."""
import html, statistics, subprocess

PEERS = ["jax_scan", "jax_jit", "torch_compile", "libtorch", "torch_eager", "mlx_compile", "mlx_eager", "numpy_book"]
# Distinct in print and to color-blind readers: a shape of its own for each, in Okabe and Ito's colors.
POINTS = dict(zip(PEERS, [(7, "#D55E00"), (5, "#0072B2"), (9, "#009E73"), (13, "#E69F00"), (4, "#CC79A7"), (11, "#56B4E9"), (8, "#56B4E9"), (6, "#555555")]))
KINDS = {"The book's nets": ("book_", "mnist_full"), "Small and changing nets": ("tiny", "dynamic", "random_graphs", "op_", "startup"),
         "Nets of many widths": ("rxla", "wide", "huge"), "Functions of large arrays": ("chain", "layernorm", "batchnorm", "softmax", "logsumexp", "hvp"),
         "Matrix products": ("matmul",), "Steps of optimizers": ("opt_",)}
STYLE = """body{font:15px/1.5 sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#1a1a1a;background:#fff}
svg{width:100%;height:auto;background:#fff}table{border-collapse:collapse;font-size:13px}td,th{padding:2px 9px;text-align:right;border-bottom:1px solid #ccc}
td:first-child,th:first-child{text-align:left}.scroll{overflow-x:auto}"""


def chart(rows):
    """rows: [(label, [Ratio])], the first at the top. The ratio on a logarithmic axis, a bar from the lowest pass to the highest."""
    used = [p for p in PEERS if any(r.peer == p for _, ratios in rows for r in ratios)]
    data = "".join(f"${p} << E\n" + "".join(f"{r.value} {i} {r.low} {r.high}\n" for i, (_, ratios) in enumerate(rows) for r in ratios if r.peer == p) + "E\n" for p in used)
    ticks = ", ".join(f'"{label}" {i}' for i, (label, _) in enumerate(rows))
    plots = ", ".join(f'${p} using 1:2:3:4 with xerrorbars pt {POINTS[p][0]} ps 0.8 lc rgb "{POINTS[p][1]}" title "{p}"' for p in used)
    script = f"""set terminal svg size 900,{130 + 24 * len(rows)} font "sans,13" noenhanced
set logscale x; set xtics (0.2, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500); set xlabel "time of the peer / time of Thalweg (right of 1: Thalweg is faster)"
set yrange [{len(rows) - 0.4}:-0.6]; set ytics ({ticks}); set grid x y lc rgb "#dddddd"; set key outside top horizontal
set arrow from 1, graph 0 to 1, graph 1 nohead lw 1.5 lc rgb "#000000"
{data}plot {plots}
"""
    return subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=True).stdout.partition("\n")[2]


def write(path, cells, ratios, results):
    """ratios: {cell: [Ratio]}; results: {(row, threads, program): [record of each pass]}; a cell is (row, threads)."""
    parts = []
    for title, beginnings in KINDS.items():
        rows = [(f"{row}{'' if threads == 1 else f', {threads} threads'}", ratios[row, threads])
                for row, threads in cells if row.startswith(beginnings) and ratios.get((row, threads))]
        if rows:
            parts.append(f"<h2>{html.escape(title)}</h2>{chart(rows)}")
    measured = [p for p in PEERS if any(r.peer == p for cell in ratios for r in ratios[cell])]
    lines = []
    for cell in cells:
        passes = results.get((*cell, "thalweg"), [])
        if not passes:
            continue
        value = statistics.median(r["value"] for r in passes)
        memory = [r[0]["peak_rss_mb"] for (*c, peer), r in results.items() if tuple(c) == cell and peer != "thalweg" and r[0].get("peak_rss_mb")]
        first = passes[0]
        texts = [cell[0], cell[1], f"{value:.4g} {first['unit']}", len(passes), first.get("kernels", ""), first.get("bytes", ""),
                 f"{1e3 * first.get('compile_s', 0):.3g}", f"{first['peak_rss_mb']:.0f}", f"{min(memory):.0f}" if memory else ""]
        texts += [next((f"{r.value:.2f}" for r in ratios.get(cell, []) if r.peer == p), "") for p in measured]
        lines.append("<tr>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ["row", "threads", "Thalweg", "passes", "kernels a step", "bytes moved a step", "first step, ms more", "peak MB", "leanest peer's"] + measured)
    with open(path, "w") as f:
        f.write(f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>Thalweg beside its peers</title><style>{STYLE}</style>"
                "<h1>Thalweg beside its peers</h1><p>Medians of passes in turn on one machine; the bars go from the lowest pass to the highest. Numbers in the "
                f"columns of peers: their time over Thalweg's.</p>{''.join(parts)}<h2>All numbers</h2><div class='scroll'><table><tr>{head}</tr>{''.join(lines)}</table></div></html>\n")
