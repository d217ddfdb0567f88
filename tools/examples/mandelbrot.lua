-- A Mandelbrot set drawn as text. Any worker can draw any of its rows:
--
--   mandelbrot(first, step, width, height)   rows first, first + step, ... as {{row = n, text = s}, ...},
--                                            with a dot on stderr for each when it is done
--
-- With arguments the chunk draws it all:  oast run mandelbrot.lua 72 24

local shades = " .,:;-=+*oO#%@"
local limit = 20000

local function escape_time(cx, cy)
  local x, y, n = 0.0, 0.0, 0
  while n < limit and x * x + y * y < 4.0 do
    x, y = x * x - y * y + cx, 2.0 * x * y + cy
    n = n + 1
  end
  return n
end

-- The shade of a point: blank far away, darker towards the set, "@" inside.
local function shade(n)
  if n == limit then return shades:sub(-1) end
  local index = math.min(1 + math.floor(2.2 * math.log(n)), #shades - 1)
  return shades:sub(index, index)
end

function mandelbrot(first, step, width, height)
  local rows = {}
  for row = first, height, step do
    local cy = -1.2 + 2.4 * (row - 1) / (height - 1)
    local points = {}
    for column = 1, width do
      local cx = -2.2 + 3.2 * (column - 1) / (width - 1)
      points[column] = shade(escape_time(cx, cy))
    end
    rows[#rows + 1] = { row = row, text = table.concat(points) }
    io.stderr:write(".")
  end
  return rows
end

local width, height = ...
if width then
  for _, row in ipairs(mandelbrot(1, 1, tonumber(width), tonumber(height))) do print(row.text) end
end
