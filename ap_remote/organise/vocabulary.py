"""Words that albums are named with: the name a person reads, and the words an encoder is asked with."""

from __future__ import annotations

from typing import Final

_WORDS: Final = """
Cats=cat; Dogs=dog; Puppies=puppy; Horses=horse; Birds=bird; Ducks and geese=duck, goose; Owls=owl; Parrots=parrot
Fish=fish; Sharks=shark; Whales=whale; Turtles=turtle; Snakes=snake; Lizards=lizard; Frogs=frog; Insects=insect
Butterflies=butterfly; Bees=bee; Spiders=spider; Bears=bear; Lions and tigers=lion, tiger; Elephants=elephant
Monkeys=monkey; Rabbits=rabbit; Foxes=fox; Wolves=wolf; Cows=cow; Sheep=sheep; Pigs=pig; Goats=goat; Zebras=zebra
Penguins=penguin; Chickens=chicken; Squirrels=squirrel; Crabs and lobsters=crab, lobster; Corals=coral; Snails=snail
Flowers=flower; Roses=rose; Daisies=daisy; Sunflowers=sunflower; Trees=tree; Forests=forest; Mushrooms=mushroom
Grass=grass, lawn; Gardens=garden; Leaves=leaf; Fields=field, meadow; Mountains=mountain; Volcanoes=volcano
Valleys=valley; Cliffs=cliff; Deserts=desert, sand; Beaches=beach, seashore; Sea=sea, ocean; Lakes=lake; Rivers=river
Waterfalls=waterfall; Islands=island; Caves=cave; Snow=snow; Ice and glaciers=glacier, ice; Sunsets=sunset; Sky=sky
Clouds=cloud; Night sky=night sky, stars; Moon=moon; Galaxies=galaxy; Rain=rain; Storms=storm; Fire=fire; Stones=stone
Coffee=coffee, espresso; Tea=tea; Wine=wine; Beer=beer; Cocktails=cocktail; Bread=bread; Cakes=cake; Pizza=pizza
Burgers=hamburger; Ice cream=ice cream; Fruit=fruit; Vegetables=vegetable; Salads=salad; Soup=soup; Meat=meat
Eggs=egg
Sushi=sushi; Breakfast=breakfast; Food=food, meal; Kitchens=kitchen; Restaurants=restaurant; Bottles=bottle
Temples=temple; Palaces=palace; Churches=church; Mosques=mosque; Castles=castle; Monasteries=monastery; Towers=tower
Bridges=bridge; Houses=house; Skyscrapers=skyscraper; Streets=street; Cities=city; Villages=village; Ruins=ruins
Markets=market; Shops=shop; Museums=museum; Libraries=library; Schools=school; Theatres=theatre; Stadiums=stadium
Statues=statue; Fountains=fountain; Monuments=monument; Brick walls=brick wall; Doors=door; Windows=window
Stairs=stairs
Lighthouses=lighthouse; Harbours=harbour; Boats=boat; Sailing=sailing boat; Ships=ship; Cars=car
Racing cars=racing car
Trucks=truck; Buses=bus; Trains=train; Trams=tram; Railways=railway; Motorcycles=motorcycle, motor scooter
Bicycles=bicycle; Aeroplanes=airplane; Helicopters=helicopter; Balloons=hot air balloon; Rockets=rocket, missile
Space=spacecraft, astronaut; Tractors=tractor; Ambulances=ambulance; Roads=road; Garages=garage; Engines=engine
Portraits=portrait of a person; Uniforms=military uniform; Children=child; Babies=baby; Friends=group of people
Weddings=wedding; Brides=bride; Birthdays=birthday party; Graduations=academic gown, mortarboard; Dancing=dancer
Concerts=concert; Bands=band, stage; Guitars=guitar; Pianos=piano; Violins=violin; Drums=drum; Theatre masks=mask
Football=soccer ball; American football=football helmet; Basketball=basketball; Tennis=tennis racket; Golf=golf ball
Baseball=baseball; Swimming=swimming; Diving=scuba diver; Surfing=surfing; Skiing=ski; Skating=skate
Climbing=climbing
Running=running; Cycling=cyclist; Hiking=hiking; Camping=tent; Fishing=fishing; Riding=riding a horse; Gyms=dumbbell
Photography=tripod, camera; Photographers=photographer; Clocks=clock; Watches=watch; Lamps=lamp; Candles=candle
Computers=computer; Laptops=laptop; Keyboards=keyboard; Screens=computer screen; Phones=mobile phone; TV=television
Robots=robot; Microscopes=microscope; Medicine=medicine, syringe; Cells=cell under a microscope; Eyes=eye
Skeletons=bone
Coins=coin; Money=money; Jewellery=jewel, necklace; Rings=ring; Shoes=shoe; Hats=hat; Dresses=dress; Bags=bag
Glasses=sunglasses; Umbrellas=umbrella; Toys=toy; Teddy bears=teddy bear; Puzzles=jigsaw puzzle
Chess=chess, chessboard
Crosswords=crossword puzzle; Cards=playing card; Books=book; Pages and documents=page of text; Letters=envelope
Menus=menu; Signs=street sign; Posters=poster; Comics=comic book; Maps=map; Receipts=receipt; Screenshots=web site
Paintings=painting; Drawings=drawing; Graffiti=graffiti; Patterns=pattern; Textures=texture; Wool=wool, knitting
Furniture=furniture; Chairs=chair; Beds=bed; Sofas=sofa; Bathrooms=bathroom, bathtub; Baskets=basket; Pots=pot
Vases=vase
Tools=hammer, tool; Screws=screw, nail; Wheels=wheel; Knives=knife; Guns=rifle; Swords=sword; Armour=armour
Flags=flag
Christmas=christmas tree; Halloween=jack-o'-lantern; Fireworks=fireworks; Presents=present, gift; Parties=party
Bubbles=bubble; Worms=worm; Shells=seashell; Feathers=feather; Fences=fence; Mazes=maze; Pools=swimming pool; Dams=dam
"""

ALBUM_NAMES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = tuple(
    (name.strip(), tuple(word.strip() for word in words.split(",")))
    for line in _WORDS.strip().splitlines()
    for name, _, words in (pair.partition("=") for pair in line.split(";"))
)
"""A name for an album, and the words that an encoder is asked with for it."""
